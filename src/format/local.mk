# sources of src/format
