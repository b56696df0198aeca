# sources of src/codec
