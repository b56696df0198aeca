# sources of src/layer
