#include "charset_table.h"

#include <ctype.h>
#include <string.h>

enum {
	LABEL_MAX = 32,
};

/*
 * The labels of the WHATWG Encoding Standard (s. 4.2) and those that only mail
 * has, in lower case and without punctuation, each between blanks.
 */
/* clang-format off */
static const struct row {
	struct charset_kind kind;
	const char *labels;
} rows[] = {
	{ { CHARSET_LENIENT, NULL },
	  " ascii usascii ansix341968 ansix341986 iso646irv1991 iso646us"
	  " iso646 isoir6 ibm367 cp367 csascii us 646 " },
	{ { CHARSET_UTF8, NULL },
	  " unicode11utf8 utf8 xutf8 unicode20utf8 utf8mb4 cp65001 csutf8 " },
	{ { CHARSET_WINDOWS_1252, NULL },
	  " cp1252 cp819 csisolatin1 ibm819 iso88591 isoir100"
	  " iso885911987 l1 latin1 windows1252 xcp1252 iso88591windows"
	  " ansi xansi isolatin1 iso8859 " },
	{ { CHARSET_ICONV, "CP866" },
	  " 866 cp866 csibm866 ibm866 " },
	{ { CHARSET_ICONV, "ISO-8859-2" },
	  " csisolatin2 iso88592 isoir101 iso885921987 l2 latin2 88592 " },
	{ { CHARSET_ICONV, "ISO-8859-3" },
	  " csisolatin3 iso88593 isoir109 iso885931988 l3 latin3 " },
	{ { CHARSET_ICONV, "ISO-8859-4" },
	  " csisolatin4 iso88594 isoir110 iso885941988 l4 latin4 " },
	{ { CHARSET_ICONV, "ISO-8859-5" },
	  " csisolatincyrillic cyrillic iso88595 isoir144 iso885951988"
	  " 88595 " },
	{ { CHARSET_ICONV, "ISO-8859-6" },
	  " arabic asmo708 csiso88596e csiso88596i csisolatinarabic"
	  " ecma114 iso88596 iso88596e iso88596i isoir127 iso885961987 " },
	{ { CHARSET_ICONV, "ISO-8859-7" },
	  " csisolatingreek ecma118 elot928 greek greek8 iso88597"
	  " isoir126 iso885971987 suneugreek 88597 " },
	{ { CHARSET_ICONV, "ISO-8859-8" },
	  " csiso88598e csisolatinhebrew hebrew iso88598 iso88598e"
	  " isoir138 iso885981988 visual " },
	{ { CHARSET_ICONV, "ISO-8859-8" },
	  " csiso88598i iso88598i logical " },
	{ { CHARSET_ICONV, "ISO-8859-10" },
	  " csisolatin6 iso885910 isoir157 l6 latin6 " },
	{ { CHARSET_ICONV, "ISO-8859-13" },
	  " iso885913 latin7 l7 " },
	{ { CHARSET_ICONV, "ISO-8859-14" },
	  " iso885914 latin8 l8 " },
	{ { CHARSET_ICONV, "ISO-8859-15" },
	  " csisolatin9 iso885915 l9 885915 latin9 latin0 " },
	{ { CHARSET_ICONV, "ISO-8859-16" },
	  " iso885916 latin10 l10 " },
	{ { CHARSET_ICONV, "KOI8-R" },
	  " cskoi8r koi koi8 koi8r " },
	{ { CHARSET_ICONV, "KOI8-U" },
	  " koi8u koi8ru " },
	{ { CHARSET_ICONV, "MACINTOSH" },
	  " csmacintosh mac macintosh xmacroman macroman cp10000 " },
	{ { CHARSET_ICONV, "CP874" },
	  " dos874 iso885911 tis620 windows874 cp874 ibm874 xwindows874 " },
	{ { CHARSET_ICONV, "CP1250" },
	  " cp1250 windows1250 xcp1250 win1250 " },
	{ { CHARSET_ICONV, "CP1251" },
	  " cp1251 windows1251 xcp1251 win1251 ansi1251 " },
	{ { CHARSET_ICONV, "CP1253" },
	  " cp1253 windows1253 xcp1253 " },
	{ { CHARSET_ICONV, "CP1254" },
	  " cp1254 csisolatin5 iso88599 isoir148 iso885991989 l5 latin5"
	  " windows1254 xcp1254 " },
	{ { CHARSET_COMPOSED, "CP1255" },
	  " cp1255 windows1255 xcp1255 " },
	{ { CHARSET_ICONV, "CP1256" },
	  " cp1256 windows1256 xcp1256 " },
	{ { CHARSET_ICONV, "CP1257" },
	  " cp1257 windows1257 xcp1257 " },
	{ { CHARSET_COMPOSED, "CP1258" },
	  " cp1258 windows1258 xcp1258 " },
	{ { CHARSET_ICONV, "MAC-UK" },
	  " xmaccyrillic xmacukrainian maccyrillic macukrainian cp10007 " },
	{ { CHARSET_ICONV, "GB18030" },
	  " chinese csgb2312 csiso58gb231280 gb2312 gb231280 gbk isoir58"
	  " xgbk cp936 ms936 windows936 euccn gb18030gbk xeuccn " },
	{ { CHARSET_ICONV, "GB18030" },
	  " gb18030 cp54936 " },
	{ { CHARSET_HZ, "GB18030" },
	  " hzgb2312 hz " },
	{ { CHARSET_COMPOSED, "BIG5-HKSCS" },
	  " big5 big5hkscs cnbig5 csbig5 xxbig5 cp950 windows950 xbig5"
	  " big5eten " },
	{ { CHARSET_ICONV, "EUC-JP-MS" },
	  " cseucpkdfmtjapanese eucjp xeucjp eucjpms cp51932 ujis"
	  " eucjpwin " },
	{ { CHARSET_JIS, "EUC-JP-MS" },
	  " csiso2022jp iso2022jp iso2022jp1 iso2022jp2 iso2022jp3"
	  " iso2022jpms cp50220 cp50221 cp50222 csiso2022jp2 isojis jis"
	  " iso2022jis " },
	{ { CHARSET_ICONV, "CP932" },
	  " csshiftjis mskanji shiftjis sjis windows31j xsjis cp932"
	  " windows932 ms932 xmscp932 csw31j xwindows31j " },
	{ { CHARSET_ICONV, "CP949" },
	  " cseuckr csksc56011987 euckr isoir149 korean ksc56011987"
	  " ksc56011989 ksc5601 windows949 cp949 uhc xwindows949 ms949"
	  " euckrms " },
	{ { CHARSET_ICONV, "ISO-2022-KR" },
	  " csiso2022kr iso2022kr " },
	{ { CHARSET_ICONV, "UTF-16BE" },
	  " utf16be unicodefffe ucs2be " },
	{ { CHARSET_ICONV, "UTF-16LE" },
	  " utf16 utf16le ucs2 iso10646ucs2 unicode csunicode ucs2le"
	  " unicodefeff " },
	{ { CHARSET_ICONV, "UTF-7" },
	  " utf7 unicode11utf7 csunicode11utf7 xunicode20utf7"
	  " unicode20utf7 cp65000 " },
	{ { CHARSET_ICONV, "UTF-32LE" },
	  " utf32 utf32le ucs4 ucs4le iso10646ucs4 " },
	{ { CHARSET_ICONV, "UTF-32BE" },
	  " utf32be ucs4be " },
	{ { CHARSET_ICONV, "ISO-2022-CN" },
	  " iso2022cn csiso2022cn " },
	{ { CHARSET_ICONV, "EUC-TW" },
	  " euctw xeuctw cns11643 " },
	{ { CHARSET_ICONV, "JOHAB" },
	  " johab xjohab cp1361 " },
	{ { CHARSET_ICONV, "KOI8-T" },
	  " koi8t " },
	{ { CHARSET_ICONV, "VISCII" },
	  " viscii csviscii " },
	{ { CHARSET_COMPOSED, "TCVN" },
	  " tcvn tcvn57121 tcvn5712 " },
	{ { CHARSET_ICONV, "ARMSCII-8" },
	  " armscii8 " },
	{ { CHARSET_ICONV, "GEORGIAN-PS" },
	  " georgianps " },
	{ { CHARSET_ICONV, "MAC-CENTRALEUROPE" },
	  " xmacce xmaccentraleurroman macce maccentraleurope cp10029 " },
	{ { CHARSET_ICONV, "CP437" },
	  " cp437 ibm437 437 " },
	{ { CHARSET_ICONV, "CP737" },
	  " cp737 ibm737 737 " },
	{ { CHARSET_ICONV, "CP775" },
	  " cp775 ibm775 775 " },
	{ { CHARSET_ICONV, "CP850" },
	  " cp850 ibm850 850 " },
	{ { CHARSET_ICONV, "CP852" },
	  " cp852 ibm852 852 " },
	{ { CHARSET_ICONV, "CP855" },
	  " cp855 ibm855 855 " },
	{ { CHARSET_ICONV, "CP857" },
	  " cp857 ibm857 857 " },
	{ { CHARSET_ICONV, "CP858" },
	  " cp858 ibm858 858 " },
	{ { CHARSET_ICONV, "CP860" },
	  " cp860 ibm860 860 " },
	{ { CHARSET_ICONV, "CP861" },
	  " cp861 ibm861 861 " },
	{ { CHARSET_ICONV, "CP862" },
	  " cp862 ibm862 862 " },
	{ { CHARSET_ICONV, "CP863" },
	  " cp863 ibm863 863 " },
	{ { CHARSET_ICONV, "CP864" },
	  " cp864 ibm864 864 " },
	{ { CHARSET_ICONV, "CP865" },
	  " cp865 ibm865 865 " },
	{ { CHARSET_ICONV, "CP869" },
	  " cp869 ibm869 869 " },
};
/* clang-format on */

const struct charset_kind *
charset_find(struct span label)
{
	char name[LABEL_MAX + 3] = " ";
	size_t len = 1;

	for (size_t i = 0; i < label.len && i < 4 * LABEL_MAX; i++) {
		unsigned char c = (unsigned char)label.p[i];

		if (!isalnum(c))
			continue;
		if (len > LABEL_MAX)
			return NULL;
		name[len++] = (char)tolower(c);
	}
	name[len++] = ' ';
	name[len] = '\0';
	for (size_t i = 0; len > 2 && i < sizeof rows / sizeof *rows; i++) {
		if (strstr(rows[i].labels, name))
			return &rows[i].kind;
	}
	return NULL;
}

const struct charset_kind *
charset_nth(size_t i)
{
	return i < sizeof rows / sizeof *rows ? &rows[i].kind : NULL;
}
