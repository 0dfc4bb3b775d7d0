/* Gives an answer to libmicrohttpd. */
#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

#include <microhttpd.h>

#include "request.h"

/* Takes the response's body. */
enum MHD_Result answer(
    const struct request *r, const struct response *response);

#endif
