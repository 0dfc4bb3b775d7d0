/* The least that a process can be; linked statically. */
int
main(void)
{
	return 0;
}
