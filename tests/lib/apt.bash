# Where this machine's packages come from.
# shellcheck shell=bash

# apt_uri SUITE: the mirror that apt has for the suite, a regular expression.
apt_uri() { apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Origin: Debian' | awk -v s="$1" '$2 ~ s {print $1; exit}'; }
