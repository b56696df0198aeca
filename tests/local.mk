# tests
EXTRA_DIST += %D%/corpus
