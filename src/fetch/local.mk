# sources of src/fetch
