/*
 * The filters of smtpd: does anybody listen where its options say?
 */
#include <stdlib.h>

#include "../filters.h"
#include "doctor.h"
#include "service.h"

enum {
	CONNECT_MS = 5000,
};

struct tries {
	struct finding *finding;
	unsigned n, nfailed;
};

static void
note(void *arg, const char *address, const char *fault)
{
	struct tries *tries = arg;

	tries->n++;
	if (!fault || tries->nfailed++ > 0)
		return;
	tries->finding->state = STATE_BAD;
	SAY(tries->finding, "%s: %s", address, fault);
}

void
doctor_check_filters(const struct patient *p, struct finding *f)
{
	static const char *const options[DOCTOR_FILTERS] = {
		"--milter=", "--policy=", "--policy-at-end="
	};
	struct tries tries = { .finding = f };

	for (size_t i = 0; i < DOCTOR_FILTERS; i++) {
		char *of_service =
		    p->filters[i] ? NULL : service_option(options[i]);
		const char *list = p->filters[i] ? p->filters[i] : of_service;

		if (list)
			filters_try(list, CONNECT_MS, note, &tries);
		free(of_service);
	}
	if (tries.n == 0)
		SAY(f, "no milter or policy server is named");
	else if (tries.nfailed == 0)
		SAY(f, "%u answered", tries.n);
}
