/* One request as libcurl sees it: the options, the callbacks, the verdict.
 * Private to net/. */
#ifndef NET_EASY_H
#define NET_EASY_H

#include <curl/curl.h>

#include "net/http.h"

int easy_prepare(CURL *easy, struct http_request *r,
    const struct http_options *o, struct err *e);

/* What curl's result means. */
int easy_judge(struct http_request *r, CURLcode result, struct err *e);

#endif
