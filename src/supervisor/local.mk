# sources of src/supervisor
