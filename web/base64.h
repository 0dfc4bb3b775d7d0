/* A part's octets as base64 (RFC 4648 s. 4). */
#ifndef WEB_BASE64_H
#define WEB_BASE64_H

#include "../mime/mime.h"

void base64_part(const struct mime_part *part, struct text *to);

#endif
