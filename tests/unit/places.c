/* Which connection of smtpdb-web gives its place to one that comes. */
#include <criterion/criterion.h>

#include "../../web/places.h"

static struct places places;

/* One more of the source 192.0.2.N, which last got on then. */
static struct place *
take(unsigned char n, int64_t at, size_t octets)
{
	const struct in_addr address = { htonl(0xC0000200u + n) };
	struct place *place = places_take(&places,
	    (struct MHD_Connection *)(void *)&places, ip_of_ipv4(&address), at);

	place->octets = octets;
	return place;
}

Test(places, gives_the_one_that_has_stood_longest)
{
	struct place *a = take(1, 30, 0), *b = take(1, 10, 0);

	take(1, 20, 0);
	cr_expect_eq(places_choose(&places, PLACES_CONNECTIONS), b);
	b->got_on_at = 40;
	a->got_on_at = 15;
	cr_expect_eq(places_choose(&places, PLACES_CONNECTIONS), a);
}

Test(places, gives_one_of_the_source_that_has_the_most)
{
	struct place *young;

	take(1, 1, 0);
	take(3, 2, 0);
	take(2, 50, 0);
	young = take(2, 40, 0);
	cr_expect_eq(places_choose(&places, PLACES_CONNECTIONS), young);
	places_free(&places, young);
	cr_expect_eq(places_choose(&places, PLACES_CONNECTIONS)->got_on_at, 1);
}

Test(places, gives_one_of_the_source_with_the_most_octets)
{
	struct place *large, *small;

	take(1, 1, 0);
	take(1, 2, 0);
	small = take(2, 3, 1000);
	large = take(3, 4, 2000);
	cr_expect_eq(places_choose(&places, PLACES_OCTETS), large);
	cr_expect_eq(places_octets(&places), 3000);
	large->is_leaving = true;
	cr_expect_eq(places_octets(&places), 1000);
	cr_expect_eq(places_choose(&places, PLACES_OCTETS), small);
	small->is_leaving = true;
	cr_expect_null(places_choose(&places, PLACES_OCTETS));
}

Test(places, counts_none_that_is_leaving_already)
{
	struct place *a = take(1, 1, 0);

	cr_expect(!places_is_one_leaving(&places));
	take(1, 2, 0);
	a->is_leaving = true;
	cr_expect(places_is_one_leaving(&places));
	cr_expect_eq(places_choose(&places, PLACES_CONNECTIONS)->got_on_at, 2);
	places_free(&places, a);
	cr_expect(!places_is_one_leaving(&places));
	cr_expect_eq(places.n, 1);
}
