# sources of src/index
