/*
 * Octets inside TLS, over sockets that do not wait.
 */
#include <openssl/err.h>

#include "private.h"

static int
result_of(SSL *ssl, int result)
{
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return STREAM_WANTS_IN;
	case SSL_ERROR_WANT_WRITE:
		return STREAM_WANTS_OUT;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		return STREAM_FAILED;
	}
}

int
stream_shake_hands(SSL *ssl)
{
	int result;

	ERR_clear_error();
	result = SSL_accept(ssl);
	if (result == 1)
		return 0;
	result = result_of(ssl, result);
	return result == 0 ? STREAM_FAILED : result;
}

/* As many records as there are. */
ssize_t
stream_read(SSL *ssl, void *buf, size_t len)
{
	size_t got = 0, n;
	int result = 1;

	ERR_clear_error();
	while (got < len && result == 1) {
		result = SSL_read_ex(ssl, (char *)buf + got, len - got, &n);
		got += result == 1 ? n : 0;
	}
	return got > 0 ? (ssize_t)got : result_of(ssl, result);
}

ssize_t
stream_write(SSL *ssl, const void *buf, size_t len)
{
	size_t n;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(ssl, buf, len, &n);
	if (result == 1)
		return (ssize_t)n;
	result = result_of(ssl, result);
	return result == 0 ? STREAM_FAILED : result;
}

int
stream_end(SSL *ssl)
{
	int result;

	ERR_clear_error();
	result = SSL_shutdown(ssl);
	return result >= 0 ? 0 : result_of(ssl, result);
}
