# sources of src/mount
