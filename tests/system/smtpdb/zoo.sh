# The mails that most tests of smtpdb read: "make_zoo" fills mail.db with them,
# and "total" is then how many there are.
make_zoo() {
	printf 'From: =?utf-8?q?J=C3=B6rg?= <j@a.example>\nTo: b@b.example\nSubject: =?iso-8859-1?q?Gr=FC=DFe?= from\n\t=?utf-8?b?5pel5pys6Kqe?=\n\nHello.\nFrom here\n>From there\n.dot\n\033[31mred\033[0m\a\033]0;title\a end\n' |
	    send ann@a.example bob@b.example carl@c.example
	printf 'From: a\nSubject: multi\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\npreamble\n--x\nContent-Type: multipart/alternative; boundary=y\n\n--y\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--y\nContent-Type: text/html\n\n<p>no\n--y--\n--x\nContent-Type: application/pdf; name="../../etc/=?utf-8?q?r=C3=A9port?=.pdf"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--x\nContent-Type: message/rfc822\n\nSubject: inner\n\nbody\n--x--\n' |
	    send '' bob@b.example
	printf 'Subject: html\nContent-Type: text/html; charset=utf-8\n\n<html><head><title>t</title><style>x{}</style></head><body><h1>Title</h1><p>Hello   <b>World</b> &amp; co &#8364; &#27;&#x41;<br>line<script>evil()</script></body></html>\n' |
	    send c@c.example bob@b.example
	printf 'Subject: caf\351 \033[2J \342\200\256gpj.exe\nFrom: x\n\nlatin1 \374\n' |
	    send d@d.example bob@b.example
	printf 'no header at all\n' | send e@e.example bob@b.example
	printf '\n' | send e@e.example bob@b.example
	printf 'Content-Type: multipart/mixed; boundary=z\n\n--z\nContent-Type: text/plain; charset="../../x//TRANSLIT"\n\nunended\n' |
	    send f@f.example bob@b.example
	{
		printf 'Subject: huge\nX-Huge: '
		head -c 200000 /dev/zero | tr '\0' a | fold -w 900 | sed '2,$s/^/ /'
		printf '\n\nbody\n'
	} | send g@g.example bob@b.example
	{
		printf 'Subject: deep\n'
		i=0
		while [ $i -lt 2000 ]; do
			printf 'Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n' $i $i
			i=$((i + 1))
		done
		printf '\nbottom\n'
	} | send h@h.example bob@b.example
	printf 'Subject: base64\nContent-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n\n!!!aGVsbG8=broken\n' |
	    send h@h.example bob@b.example
	# With BDAT: NUL, bare CR, bare LF, no line end, nothing at all.
	printf 'EHLO me\r\nMAIL FROM:<"a b"@c.d> ENVID=x+20y RET=HDRS BODY=BINARYMIME\r\nRCPT TO:<bob@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x@y\r\nBDAT 26 LAST\r\nS: x\r\n\r\nFrom me\r\r\nno\nend\0zMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 0 LAST\r\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 4 LAST\r\nFromMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 1 LAST\r\n\nMAIL FROM:<>\r\nRCPT TO:<bob@b.example>\r\nBDAT 27 LAST\r\nA: b\r\n\r\nx\r\n\r\nFrom a\r\n\r\n\r\n\r\nQUIT\r\n' |
	    "$smtpd" >out 2>/dev/null
	is "mails by BDAT" 5 "$(grep -c '^250 2.0.0 Stored' out)"
	# A field of our own that the sender wrote is his.
	printf 'X-Smtpd-Envelope: v=1 received=1 client=local port=0 smtputf8=0 lines=lf open=0 protocol=SMTP verb=MAIL body=7BIT helo=x from=evil@x.example to=victim@x.example\nSubject: spoof\n\nx\n' |
	    send spoof@s.example bob@b.example
	total=$(sql 'SELECT count(*) FROM message')
}
