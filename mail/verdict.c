#include "verdict.h"

#include <errno.h>

enum verdict
verdict_of_errno(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return VERDICT_FULL;
	case ENOMEM:
		return VERDICT_NO_MEMORY;
	case ETIMEDOUT:
		return VERDICT_BUSY;
	default:
		return VERDICT_FAILED;
	}
}
