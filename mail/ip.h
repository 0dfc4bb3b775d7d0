/*
 * IP addresses and networks, as rows have them.  Rows compare text, so each has
 * one way to be written.  IPv4 in IPv6 (RFC 4291 s. 2.5.5.2) is IPv4.
 */
#ifndef IP_H
#define IP_H

#include <netinet/in.h>
#include <stdbool.h>

struct ip {
	unsigned char octets[16]; /* IPv4 as IPv6 has it */
};

enum {
	IP_TEXT_SIZE = 50, /* the longest IPv6 address with "/128" */
};

/* "192.0.2.1" or "2001:db8::1".  False: it is none. */
bool ip_read(const char *text, struct ip *ret);
/* "192.0.2.0/24", or an address alone, which is a network of one. */
bool ip_read_network(const char *text, struct ip *ret, unsigned *ret_bits);

struct ip ip_of_ipv4(const struct in_addr *address);
struct ip ip_of_ipv6(const struct in6_addr *address);

/* 127.0.0.0/8 or ::1. */
bool ip_is_loopback(const struct ip *ip);
/* 32, or 128. */
unsigned ip_nbits(const struct ip *ip);
/* Its first so many bits, up to ip_nbits(); those behind them are 0. */
struct ip ip_prefix(const struct ip *ip, unsigned bits);
/*
 * Who counts as one client: an IPv4 address, or an IPv6 /64, since who has one
 * address of that has all of them (RFC 6177).
 */
struct ip ip_source(const struct ip *ip);
/* As rows have it: an IPv6 /64 with its bits. */
void ip_write_source(const struct ip *ip, char ret[IP_TEXT_SIZE]);

void ip_write(const struct ip *ip, char ret[IP_TEXT_SIZE]);
/* The network of so many bits that it is in, with the bits. */
void ip_write_network(
    const struct ip *ip, unsigned bits, char ret[IP_TEXT_SIZE]);

#endif
