# sources of src/daemon
