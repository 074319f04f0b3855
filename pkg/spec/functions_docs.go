package spec

import "slices"

// FunctionDoc is what a person wants to know of a function. docs/functions.md is made of them, and a test holds that each
// example gives what it says.
type FunctionDoc struct {
	Name string
	// Arguments are their names. One in brackets may be left out, and one with dots may stand there any number of times.
	Arguments []string
	// Summary is one sentence, without the function's name.
	Summary  string
	Examples []FunctionExample
}

// FunctionExample is a call and what it gives, both as expressions.
type FunctionExample struct{ Call, Result string }

// FunctionGroup is functions that belong together, by name.
type FunctionGroup struct {
	Title     string
	Functions []FunctionDoc
}

type (
	args     = []string
	examples = []FunctionExample
)

// FunctionDocs describes every function that an expression may call.
func FunctionDocs() []FunctionGroup {
	return []FunctionGroup{
		{"Numbers", []FunctionDoc{
			{"abs", args{"number"}, "The number without its sign.", examples{{`abs(23)`, `23`}, {`abs(-12.4)`, `12.4`}}},
			{"ceil", args{"number"}, "The next whole number that is not smaller.", examples{
				{`ceil(5)`, `5`}, {`ceil(5.1)`, `6`},
			}},
			{"floor", args{"number"}, "The next whole number that is not larger.", examples{
				{`floor(5)`, `5`}, {`floor(4.9)`, `4`},
			}},
			{"log", args{"number", "base"}, "The logarithm of a number.", examples{
				{`log(16, 2)`, `4`}, {`ceil(log(15, 2))`, `4`}, {`ceil(log(17, 2))`, `5`},
			}},
			{"max", args{"numbers..."}, "The largest of the numbers.", examples{
				{`max(12, 54, 3)`, `54`}, {`max([12, 54, 3]...)`, `54`},
			}},
			{"min", args{"numbers..."}, "The smallest of the numbers.", examples{
				{`min(12, 54, 3)`, `3`}, {`min([12, 54, 3]...)`, `3`},
			}},
			{"parseint", args{"text", "base"}, "The whole number that a text writes in a base from 2 to 62.", examples{
				{`parseint("FF", 16)`, `255`}, {`parseint("-10", 16)`, `-16`},
				{`parseint("1011111011101111", 2)`, `48879`}, {`parseint("aA", 62)`, `656`},
			}},
			{"pow", args{"number", "exponent"}, "The number to the power of the exponent.", examples{
				{`pow(3, 2)`, `9`}, {`pow(4, 0)`, `1`},
			}},
			{"signum", args{"number"}, "-1, 0 or 1, by the sign of the number.", examples{
				{`signum(-13)`, `-1`}, {`signum(0)`, `0`}, {`signum(344)`, `1`},
			}},
		}},
		{"Texts", []FunctionDoc{
			{"chomp", args{"text"}, "The text without the ends of line at its end.", examples{
				{`chomp("hello\n")`, `"hello"`}, {`chomp("hello\r\n")`, `"hello"`}, {`chomp("hello\n\n")`, `"hello"`},
			}},
			{"endswith", args{"text", "suffix"}, "Whether a text ends so.", examples{
				{`endswith("hello world", "world")`, `true`}, {`endswith("hello world", "hello")`, `false`},
			}},
			{"format", args{"spec", "values..."}, "A text with values in the places of its verbs: %s a text, %d a whole number, %#v JSON.",
				examples{
					{`format("Hello, %s!", "Ander")`, `"Hello, Ander!"`},
					{`format("There are %d lights", 4)`, `"There are 4 lights"`},
					{`format("web-%03d", 7)`, `"web-007"`}, {`format("%#v", [true])`, `"[true]"`},
				}},
			{"formatlist", args{"spec", "values..."},
				"A list of such texts, one for each element of the lists among the values.", examples{
					{`formatlist("Hello, %s!", ["Valentina", "Ander", "Olivia", "Sam"])`,
						`["Hello, Valentina!", "Hello, Ander!", "Hello, Olivia!", "Hello, Sam!"]`},
					{`formatlist("%s, %s!", "Salutations", ["Valentina", "Ander"])`,
						`["Salutations, Valentina!", "Salutations, Ander!"]`},
				}},
			{"indent", args{"spaces", "text"}, "The text with spaces in front of each line but the first.", examples{
				{`"  items: ${indent(2, "[\n  foo,\n  bar,\n]\n")}"`, `"  items: [\n    foo,\n    bar,\n  ]\n  "`},
			}},
			{"join", args{"separator", "lists..."}, "The elements of lists as one text.", examples{
				{`join("-", ["foo", "bar", "baz"])`, `"foo-bar-baz"`}, {`join(", ", ["foo", "bar", "baz"])`, `"foo, bar, baz"`},
				{`join(", ", ["foo"])`, `"foo"`},
			}},
			{"lower", args{"text"}, "The text in small letters.", examples{
				{`lower("HELLO")`, `"hello"`}, {`lower("АЛЛО!")`, `"алло!"`},
			}},
			{"regex", args{"pattern", "text"},
				"What a regular expression (RE2) matches first: a text, or a list or object of its groups; no match is an error.",
				examples{
					{`regex("[a-z]+", "53453453.345345aaabbbccc23454")`, `"aaabbbccc"`},
					{`regex("(\\d\\d\\d\\d)-(\\d\\d)-(\\d\\d)", "2019-02-01")`, `["2019", "02", "01"]`},
					{`regex("^(?:(?P<scheme>[^:/?#]+):)?(?://(?P<authority>[^/?#]*))?", "https://example.com/docs/")`,
						`{ authority = "example.com", scheme = "https" }`},
				}},
			{"regexall", args{"pattern", "text"}, "A list of all matches, which may be empty.", examples{
				{`regexall("[a-z]+", "1234abcd5678efgh9")`, `["abcd", "efgh"]`},
				{`length(regexall("[a-z]+", "123456789")) > 0`, `false`},
			}},
			{"replace", args{"text", "search", "replacement"},
				"The text with each occurrence of another one replaced; /between slashes/ stands a regular expression.",
				examples{
					{`replace("1 + 2 + 3", "+", "-")`, `"1 - 2 - 3"`},
					{`replace("hello world", "/w.*d/", "everybody")`, `"hello everybody"`},
				}},
			{"split", args{"separator", "text"}, "The parts of a text, as a list.", examples{
				{`split(",", "foo,bar,baz")`, `["foo", "bar", "baz"]`}, {`split(",", "foo")`, `["foo"]`},
				{`split(",", "")`, `[""]`},
			}},
			{"startswith", args{"text", "prefix"}, "Whether a text begins so.", examples{
				{`startswith("hello world", "hello")`, `true`}, {`startswith("hello world", "world")`, `false`},
			}},
			{"strcontains", args{"text", "part"}, "Whether a text holds another one.", examples{
				{`strcontains("hello world", "wor")`, `true`}, {`strcontains("hello world", "wod")`, `false`},
			}},
			{"strrev", args{"text"}, "The characters of a text in reverse.", examples{
				{`strrev("hello")`, `"olleh"`}, {`strrev("a ☃")`, `"☃ a"`},
			}},
			{"substr", args{"text", "offset", "length"},
				"So many characters from an offset; a negative one counts from the end, and a length of -1 goes to it.", examples{
					{`substr("hello world", 1, 4)`, `"ello"`}, {`substr("🤔🤷", 0, 1)`, `"🤔"`},
					{`substr("hello world", -5, -1)`, `"world"`},
					{`substr("hello world", 6, 10)`, `"world"`},
				}},
			{"templatestring", args{"template", "vars"},
				"The text of a template, which sees the variables that it is given, and all functions.", examples{
					{`templatestring("Hello, $${name}!", { name = "Alice" })`, `"Hello, Alice!"`},
					{`templatestring("List Items: $${join(\", \", list)}", { list = ["value1", "value2", "value3"] })`,
						`"List Items: value1, value2, value3"`},
				}},
			{"title", args{"text"}, "The text with a capital letter at the beginning of each word.", examples{
				{`title("hello world")`, `"Hello World"`},
			}},
			{"trim", args{"text", "characters"}, "The text without any of these characters at both ends.", examples{
				{`trim("?!hello?!", "!?")`, `"hello"`}, {`trim("foobar", "far")`, `"oob"`},
				{`trim("   hello! world.!  ", "! ")`, `"hello! world."`},
			}},
			{"trimprefix", args{"text", "prefix"}, "The text without a beginning, where it has it.", examples{
				{`trimprefix("helloworld", "hello")`, `"world"`}, {`trimprefix("helloworld", "cat")`, `"helloworld"`},
			}},
			{"trimspace", args{"text"}, "The text without white space at both ends.", examples{
				{`trimspace("  hello\n\n")`, `"hello"`},
			}},
			{"trimsuffix", args{"text", "suffix"}, "The text without an ending, where it has it.", examples{
				{`trimsuffix("helloworld", "world")`, `"hello"`},
			}},
			{"upper", args{"text"}, "The text in capital letters.", examples{
				{`upper("hello")`, `"HELLO"`}, {`upper("алло!")`, `"АЛЛО!"`},
			}},
		}},
		{"Collections", []FunctionDoc{
			{"alltrue", args{"list"}, "Whether all elements are true, as they are where there is none.", examples{
				{`alltrue(["true", true])`, `true`}, {`alltrue([true, false])`, `false`}, {`alltrue([])`, `true`},
			}},
			{"anytrue", args{"list"}, "Whether one element is true.", examples{
				{`anytrue(["true"])`, `true`}, {`anytrue([true, false])`, `true`}, {`anytrue([])`, `false`},
			}},
			{"chunklist", args{"list", "size"},
				"The list cut into lists of that size, the last of which may be shorter.", examples{
					{`chunklist(["a", "b", "c", "d", "e"], 2)`, `[["a", "b"], ["c", "d"], ["e"]]`},
				}},
			{"coalesce", args{"values..."}, "The first value that is neither null nor an empty text.", examples{
				{`coalesce("a", "b")`, `"a"`}, {`coalesce("", "b")`, `"b"`}, {`coalesce(1, 2)`, `1`},
				{`coalesce(["", "b"]...)`, `"b"`}, {`coalesce(1, "hello")`, `"1"`},
			}},
			{"coalescelist", args{"lists..."}, "The first list that is not empty.", examples{
				{`coalescelist(["a", "b"], ["c", "d"])`, `["a", "b"]`}, {`coalescelist([], ["c", "d"])`, `["c", "d"]`},
				{`coalescelist([[], ["c", "d"]]...)`, `["c", "d"]`},
			}},
			{"compact", args{"list"}, "The texts of a list that are neither null nor empty.", examples{
				{`compact(["a", "", "b", null, "c"])`, `["a", "b", "c"]`},
			}},
			{"concat", args{"lists..."}, "Lists one after the other, as one.", examples{
				{`concat(["a", ""], ["b", "c"])`, `["a", "", "b", "c"]`},
			}},
			{"contains", args{"list", "value"}, "Whether a list holds a value.", examples{
				{`contains(["a", "b", "c"], "a")`, `true`}, {`contains(["a", "b", "c"], "d")`, `false`},
			}},
			{"distinct", args{"list"}, "The list without what it holds a second time.", examples{
				{`distinct(["a", "b", "a", "c", "d", "b"])`, `["a", "b", "c", "d"]`},
			}},
			{"element", args{"list", "index"}, "The element at a place, beginning anew after the last; -1 is the last.", examples{
				{`element(["a", "b", "c"], 1)`, `"b"`}, {`element(["a", "b", "c"], 3)`, `"a"`},
				{`element(["a", "b", "c"], -1)`, `"c"`},
			}},
			{"flatten", args{"list"}, "The elements of a list and of all lists within it, as one list.", examples{
				{`flatten([["a", "b"], [], ["c"]])`, `["a", "b", "c"]`},
				{`flatten([[["a", "b"], []], ["c"]])`, `["a", "b", "c"]`},
			}},
			{"index", args{"list", "value"}, "The place of a value in a list, counting from 0.", examples{
				{`index(["a", "b", "c"], "b")`, `1`},
			}},
			{"keys", args{"map"}, "The keys of a map or object, sorted.", examples{
				{`keys({ a = 1, c = 2, d = 3 })`, `["a", "c", "d"]`},
			}},
			{"length", args{"value"}, "How many elements a collection has, or characters a text.", examples{
				{`length([])`, `0`}, {`length(["a", "b"])`, `2`}, {`length({ "a" = "b" })`, `1`},
				{`length("hello")`, `5`}, {`length("👾🕹️")`, `2`},
			}},
			{"lookup", args{"map", "key", "[fallback]"},
				"The value of a key, or the fallback where there is no such key.", examples{
					{`lookup({ a = "ay", b = "bee" }, "a", "what?")`, `"ay"`},
					{`lookup({ a = "ay", b = "bee" }, "c", "what?")`, `"what?"`},
				}},
			{"matchkeys", args{"values", "keys", "wanted"},
				"The values whose keys, at the same places of another list, are among the wanted ones.", examples{
					{`matchkeys(["i-123", "i-abc", "i-def"], ["us-west", "us-east", "us-east"], ["us-east"])`, `["i-abc", "i-def"]`},
				}},
			{"merge", args{"maps..."}, "Maps or objects as one; of a key that several have, the last one counts.", examples{
				{`merge({ a = "b", c = "d" }, { e = "f", c = "z" })`, `{ a = "b", c = "z", e = "f" }`},
				{`merge({ a = "b" }, { a = [1, 2], c = "z" }, { d = 3 })`, `{ a = [1, 2], c = "z", d = 3 }`},
			}},
			{"one", args{"list"}, "The only element, null where there is none, and an error where there are more.", examples{
				{`one([])`, `null`}, {`one(["hello"])`, `"hello"`}, {`one(toset(["hello"]))`, `"hello"`},
			}},
			{"range", args{"[start]", "limit", "[step]"},
				"The numbers from a start (0) up to a limit and without it, in steps (of 1).", examples{
					{`range(3)`, `[0, 1, 2]`}, {`range(1, 4)`, `[1, 2, 3]`},
					{`range(1, 8, 2)`, `[1, 3, 5, 7]`}, {`range(1, 4, 0.5)`, `[1, 1.5, 2, 2.5, 3, 3.5]`},
					{`range(4, 1)`, `[4, 3, 2]`}, {`range(10, 5, -2)`, `[10, 8, 6]`},
				}},
			{"reverse", args{"list"}, "The list in reverse.", examples{{`reverse([1, 2, 3])`, `[3, 2, 1]`}}},
			{"setintersection", args{"set", "sets..."}, "What all sets hold.", examples{
				{`setintersection(["a", "b"], ["b", "c"], ["b", "d"])`, `toset(["b"])`},
			}},
			{"setproduct", args{"sets..."}, "All combinations of an element of each.", examples{
				{`setproduct(["development", "staging"], ["app1", "app2"])`,
					`[["development", "app1"], ["development", "app2"], ["staging", "app1"], ["staging", "app2"]]`},
				{`setproduct(["staging", "production"], ["a", 2])`,
					`[["staging", "a"], ["staging", "2"], ["production", "a"], ["production", "2"]]`},
				{`setproduct(["a"], [])`, `[]`},
			}},
			{"setsubtract", args{"set", "other"}, "What the first set holds and the other does not.", examples{
				{`setsubtract(["a", "b", "c"], ["a", "c"])`, `toset(["b"])`},
			}},
			{"setunion", args{"set", "sets..."}, "What any of the sets holds.", examples{
				{`setunion(["a", "b"], ["b", "c"], ["d"])`, `toset(["a", "b", "c", "d"])`},
			}},
			{"slice", args{"list", "start", "end"}, "The elements from a place up to another, and without that.", examples{
				{`slice(["a", "b", "c", "d"], 1, 3)`, `["b", "c"]`},
			}},
			{"sort", args{"list"}, "Texts in order.", examples{{`sort(["e", "d", "a", "x"])`, `["a", "d", "e", "x"]`}}},
			{"sum", args{"list"}, "The sum of numbers.", examples{{`sum([10, 13, 6, 4.5])`, `33.5`}}},
			{"transpose", args{"map"}, "A map of lists turned round: the members become the keys.", examples{
				{`transpose({ "a" = ["1", "2"], "b" = ["2", "3"] })`, `{ "1" = ["a"], "2" = ["a", "b"], "3" = ["b"] }`},
			}},
			{"values", args{"map"}, "The values of a map or object, in the order of its keys.", examples{
				{`values({ a = 3, c = 2, d = 1 })`, `[3, 2, 1]`},
			}},
			{"zipmap", args{"keys", "values"}, "A map made of a list of keys and a list of values.", examples{
				{`zipmap(["a", "b"], [1, 2])`, `{ a = 1, b = 2 }`},
			}},
		}},
		{"Encoding", []FunctionDoc{
			{"base64decode", args{"text"}, "The text that standard base64 stands for.", examples{
				{`base64decode("SGVsbG8gV29ybGQ=")`, `"Hello World"`},
			}},
			{"base64encode", args{"text"}, "The text as standard base64.", examples{
				{`base64encode("Hello World")`, `"SGVsbG8gV29ybGQ="`},
			}},
			{"base64gunzip", args{"text"}, "The text that gzip, as base64, stands for.", examples{
				{`base64gunzip("H4sIAAAAAAAA/8pIzcnJVyjPL8pJAQQAAP//hRFKDQsAAAA=")`, `"hello world"`},
			}},
			{"base64gzip", args{"text"}, "The text packed by gzip, as base64.", examples{
				{`base64gunzip(base64gzip("Hello World"))`, `"Hello World"`},
			}},
			{"csvdecode", args{"text"},
				"A list of objects, one for each line of CSV but the first, which names the attributes.", examples{
					{`csvdecode("a,b,c\n1,2,3\n4,5,6")`, `[{ a = "1", b = "2", c = "3" }, { a = "4", b = "5", c = "6" }]`},
				}},
			{"jsondecode", args{"text"}, "The value that JSON stands for.", examples{
				{`jsondecode("{\"hello\": \"world\"}")`, `{ hello = "world" }`}, {`jsondecode("true")`, `true`},
			}},
			{"jsonencode", args{"value"}, "The value as JSON.", examples{
				{`jsonencode({ "hello" = "world" })`, `"{\"hello\":\"world\"}"`},
			}},
			{"textdecodebase64", args{"text", "encoding"},
				"The text that base64 stands for in an encoding of the IANA's registry.", examples{
					{`textdecodebase64("SABlAGwAbABvACAAVwBvAHIAbABkAA==", "UTF-16LE")`, `"Hello World"`},
				}},
			{"textencodebase64", args{"text", "encoding"}, "The text in such an encoding, as base64.", examples{
				{`textencodebase64("Hello World", "UTF-16LE")`, `"SABlAGwAbABvACAAVwBvAHIAbABkAA=="`},
			}},
			{"urldecode", args{"text"}, "The text that a part of a URL stands for.", examples{
				{`urldecode("Hello+World%21")`, `"Hello World!"`}, {`urldecode("%E2%98%83")`, `"☃"`},
				{`urldecode("foo%3Abar%40localhost%3Ffoo%3Dbar%26bar%3Dbaz")`, `"foo:bar@localhost?foo=bar&bar=baz"`},
			}},
			{"urlencode", args{"text"}, "The text as a part of a URL.", examples{
				{`urlencode("Hello World!")`, `"Hello+World%21"`}, {`urlencode("☃")`, `"%E2%98%83"`},
			}},
			{"yamldecode", args{"text"}, "The value that a document of YAML stands for.", examples{
				{`yamldecode("hello: world")`, `{ hello = "world" }`}, {`yamldecode("true")`, `true`},
				{`yamldecode("{a: &foo [1, 2, 3], b: *foo}")`, `{ a = [1, 2, 3], b = [1, 2, 3] }`},
			}},
			{"yamlencode", args{"value"}, "The value as YAML, of the kind that is almost JSON.", examples{
				{`yamlencode({ "a" : "b", "c" : "d" })`, `"\"a\": \"b\"\n\"c\": \"d\"\n"`},
				{`yamlencode({ "foo" : [1, 2, 3], "bar" : "baz" })`, `"\"bar\": \"baz\"\n\"foo\":\n- 1\n- 2\n- 3\n"`},
			}},
		}},
		{"Digests and identifiers", []FunctionDoc{
			{"base64sha256", args{"text"}, "The SHA-256 of a text, as base64.", examples{
				{`base64sha256("hello world")`, `"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="`},
			}},
			{"base64sha512", args{"text"}, "The SHA-512 of a text, as base64.", examples{
				{`base64sha512("hello world")`,
					`"MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw=="`},
			}},
			{"md5", args{"text"}, "The MD5 of a text; it protects nothing.", examples{
				{`md5("hello world")`, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`},
			}},
			{"sha1", args{"text"}, "The SHA-1 of a text; it protects nothing.", examples{
				{`sha1("hello world")`, `"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"`},
			}},
			{"sha256", args{"text"}, "The SHA-256 of a text, in hexadecimal.", examples{
				{`sha256("hello world")`, `"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"`},
			}},
			{"sha512", args{"text"}, "The SHA-512 of a text, in hexadecimal.", examples{
				{`sha512("hello world")`,
					`"309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f"`},
			}},
			{"uuidv5", args{"namespace", "name"},
				"The UUID of a name in a namespace (dns, url, oid, x500, or a UUID), the same each time.", examples{
					{`uuidv5("dns", "www.opentofu.org")`, `"df1e675d-b743-5f6c-9952-6311d0f141df"`},
					{`uuidv5("url", "https://www.opentofu.org/")`, `"ace93eea-1a2c-5eed-b41b-718be15d2e50"`},
					{`uuidv5("oid", "1.3.6.1.4")`, `"af9d40a5-7a36-5c07-b23a-851cd99fbfa5"`},
					{`uuidv5("x500", "CN=Example,C=GB")`, `"84e09961-4aa4-57f8-95b7-03edb1073253"`},
					{`uuidv5("743ac3c0-3bf7-4a5b-9e6c-59360447c757", "LIBS:diskfont.library")`,
						`"ede1a974-df7e-5f17-84b9-76208818b2c8"`},
				}},
		}},
		{"Dates and times", []FunctionDoc{
			{"formatdate", args{"spec", "moment"}, "A moment written another way.", examples{
				{`formatdate("DD MMM YYYY hh:mm ZZZ", "2018-01-02T23:12:01Z")`, `"02 Jan 2018 23:12 UTC"`},
				{`formatdate("EEEE, DD-MMM-YY hh:mm:ss ZZZ", "2018-01-02T23:12:01Z")`, `"Tuesday, 02-Jan-18 23:12:01 UTC"`},
				{`formatdate("EEE, DD MMM YYYY hh:mm:ss ZZZ", "2018-01-02T23:12:01-08:00")`, `"Tue, 02 Jan 2018 23:12:01 -0800"`},
				{`formatdate("HH:mmaa", "2018-01-02T23:12:01Z")`, `"11:12pm"`},
				{`formatdate("h'h'mm", "2018-01-02T23:12:01-08:00")`, `"23h12"`},
				{`formatdate("H 'o''clock'", "2018-01-02T23:12:01-08:00")`, `"11 o'clock"`},
			}},
			{"timeadd", args{"moment", "duration"},
				"A moment so much later, or earlier where the duration is negative.", examples{
					{`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`},
				}},
			{"timecmp", args{"a", "b"}, "-1, 0 or 1, as the first moment is before, at or after the second.", examples{
				{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T00:00:00Z")`, `0`},
				{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T01:00:00Z")`, `-1`},
				{`timecmp("2017-11-22T01:00:00Z", "2017-11-22T00:00:00Z")`, `1`},
				{`timecmp("2017-11-22T01:00:00Z", "2017-11-22T00:00:00-01:00")`, `0`},
			}},
		}},
		{"Networks", []FunctionDoc{
			{"cidrcontains", args{"range", "within"}, "Whether a range holds an address, or all of another range.", examples{
				{`cidrcontains("192.168.2.0/20", "192.168.2.1")`, `true`},
				{`cidrcontains("192.168.2.0/20", "192.168.2.0/22")`, `true`},
				{`cidrcontains("192.168.2.0/20", "192.126.2.1")`, `false`},
				{`cidrcontains("192.168.2.0/20", "192.126.2.0/18")`, `false`},
				{`cidrcontains("fe80::/48", "fe80::1")`, `true`}, {`cidrcontains("fe80::/48", "fe81::1")`, `false`},
			}},
			{"cidrhost", args{"range", "number"}, "The address with a number in a range; -1 is the last.", examples{
				{`cidrhost("10.12.112.0/20", 16)`, `"10.12.112.16"`}, {`cidrhost("10.12.112.0/20", 268)`, `"10.12.113.12"`},
				{`cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)`, `"fd00:fd12:3456:7890::22"`},
			}},
			{"cidrnetmask", args{"range"}, "The netmask of an IPv4 range.", examples{
				{`cidrnetmask("172.16.0.0/12")`, `"255.240.0.0"`},
			}},
			{"cidrsubnet", args{"range", "newbits", "number"},
				"The range with a number among those that are so many bits smaller.", examples{
					{`cidrsubnet("172.16.0.0/12", 4, 2)`, `"172.18.0.0/16"`}, {`cidrsubnet("10.1.2.0/24", 4, 15)`, `"10.1.2.240/28"`},
					{`cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)`, `"fd00:fd12:3456:7800:a200::/72"`},
				}},
			{"cidrsubnets", args{"range", "newbits..."}, "Ranges one after the other, each so many bits smaller.", examples{
				{`cidrsubnets("10.1.0.0/16", 4, 4, 8, 4)`, `["10.1.0.0/20", "10.1.16.0/20", "10.1.32.0/24", "10.1.48.0/20"]`},
				{`[for r in cidrsubnets("10.0.0.0/8", 8, 8) : cidrsubnets(r, 4, 4)]`,
					`[["10.0.0.0/20", "10.0.16.0/20"], ["10.1.0.0/20", "10.1.16.0/20"]]`},
			}},
		}},
		{"Files", []FunctionDoc{
			{"basename", args{"path"}, "The last part of a path.", examples{{`basename("foo/bar/baz.txt")`, `"baz.txt"`}}},
			{"dirname", args{"path"}, "A path without its last part.", examples{{`dirname("foo/bar/baz.txt")`, `"foo/bar"`}}},
			{"file", args{"path"}, "The text of a file.", examples{{`file("hello.txt")`, `"Hello World"`}}},
			{"filebase64", args{"path"}, "The bytes of a file, as base64.", examples{
				{`filebase64("hello.txt")`, `"SGVsbG8gV29ybGQ="`},
			}},
			{"filebase64sha256", args{"path"}, "The SHA-256 of a file, as base64.", examples{
				{`filebase64sha256("hello.txt") == base64sha256("Hello World")`, `true`},
			}},
			{"filebase64sha512", args{"path"}, "The SHA-512 of a file, as base64.", examples{
				{`filebase64sha512("hello.txt") == base64sha512("Hello World")`, `true`},
			}},
			{"fileexists", args{"path"}, "Whether there is such a file.", examples{
				{`fileexists("hello.txt")`, `true`}, {`fileexists("custom-section.sh")`, `false`},
			}},
			{"filemd5", args{"path"}, "The MD5 of a file.", examples{{`filemd5("hello.txt") == md5("Hello World")`, `true`}}},
			{"fileset", args{"path", "pattern"},
				"The files below a folder that match a pattern; ** stands for folders, and {a,b} for one of both.", examples{
					{`fileset(".", "files/*.txt")`, `["files/hello.txt", "files/world.txt"]`},
					{`fileset(".", "files/{hello,world}.txt")`, `["files/hello.txt", "files/world.txt"]`},
					{`fileset("files", "*")`, `["hello.txt", "world.txt"]`},
					{`fileset("files", "**")`, `["hello.txt", "subdirectory/anotherfile.txt", "world.txt"]`},
				}},
			{"filesha1", args{"path"}, "The SHA-1 of a file.", examples{
				{`filesha1("hello.txt") == sha1("Hello World")`, `true`},
			}},
			{"filesha256", args{"path"}, "The SHA-256 of a file.", examples{
				{`filesha256("hello.txt") == sha256("Hello World")`, `true`},
			}},
			{"filesha512", args{"path"}, "The SHA-512 of a file.", examples{
				{`filesha512("hello.txt") == sha512("Hello World")`, `true`},
			}},
			{"templatefile", args{"path", "vars"},
				"The text of a template in a file, which sees the variables that it is given, and all functions.", examples{
					{`templatefile("backends.tftpl", { port = 8080, ip_addrs = ["10.0.0.1", "10.0.0.2"] })`,
						`"backend 10.0.0.1:8080\nbackend 10.0.0.2:8080\n"`},
					{`templatefile("backends-json.tftpl", { port = 8080, ip_addrs = ["10.0.0.1", "10.0.0.2"] })`,
						`"{\"backends\":[\"10.0.0.1:8080\",\"10.0.0.2:8080\"]}"`},
				}},
		}},
		{"Types and secrets", []FunctionDoc{
			{"can", args{"expression"}, "Whether an expression can be worked out.", examples{
				{`can({ bar = "baz" }.bar)`, `true`}, {`can({ bar = "baz" }.boop)`, `false`}, {`can(tonumber("no"))`, `false`},
			}},
			{"issensitive", args{"value"}, "Whether a value is a secret.", examples{
				{`issensitive(1)`, `false`}, {`issensitive("hello")`, `false`}, {`issensitive(sensitive("hello"))`, `true`},
			}},
			{"nonsensitive", args{"value"}, "The value as no secret any more.", examples{
				{`nonsensitive(sensitive("zqb"))`, `"zqb"`}, {`nonsensitive("clear")`, `"clear"`},
			}},
			{"sensitive", args{"value"}, "The value as a secret, which is shown nowhere.", examples{
				{`sensitive(1)`, `sensitive(1)`}, {`"a-${sensitive("hello")}"`, `sensitive("a-hello")`},
			}},
			{"tobool", args{"value"}, "The value as true or false.", examples{
				{`tobool(true)`, `true`}, {`tobool("true")`, `true`}, {`tobool(null)`, `null`},
			}},
			{"tolist", args{"value"}, "The value as a list, all of whose elements are of one type.", examples{
				{`tolist(["a", "b", "c"])`, `["a", "b", "c"]`}, {`tolist(["a", "b", 3])`, `["a", "b", "3"]`},
			}},
			{"tomap", args{"value"}, "The value as a map, all of whose elements are of one type.", examples{
				{`tomap({ "a" = 1, "b" = 2 })`, `{ a = 1, b = 2 }`},
				{`tomap({ "a" = "foo", "b" = true })`, `{ a = "foo", b = "true" }`},
			}},
			{"tonumber", args{"value"}, "The value as a number.", examples{
				{`tonumber(1)`, `1`}, {`tonumber("1")`, `1`}, {`tonumber(null)`, `null`},
			}},
			{"toset", args{"value"}, "The value as a set: no order, and nothing twice.", examples{
				{`toset(["a", "b", 3])`, `["3", "a", "b"]`}, {`toset(["c", "b", "b"])`, `["b", "c"]`},
			}},
			{"tostring", args{"value"}, "The value as a text.", examples{
				{`tostring("hello")`, `"hello"`}, {`tostring(1)`, `"1"`},
				{`tostring(true)`, `"true"`}, {`tostring(null)`, `null`},
			}},
			{"try", args{"expressions..."}, "The first expression that can be worked out.", examples{
				{`try({ bar = "baz" }.bar, "fallback")`, `"baz"`}, {`try({ bar = "baz" }.boop, "fallback")`, `"fallback"`},
			}},
		}},
	}
}

// RefusedFunctions are those that people of other tools may look for in vain, by name.
func RefusedFunctions() []RefusedFunction { return slices.Clone(refusedFunctions) }
