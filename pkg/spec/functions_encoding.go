package spec

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// textFunction makes a function from text to text.
func textFunction(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

// never makes a function that cannot fail.
func never(f func(string) string) function.Function {
	return textFunction(func(s string) (string, error) { return f(s), nil })
}

var (
	base64Encode = never(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	// The errors say nothing of the text: it may be a secret.
	base64Decode = textFunction(func(s string) (string, error) {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return "", errors.New("that is not standard base64")
		}
		if !utf8.Valid(raw) {
			return "", errors.New("the decoded bytes are not UTF-8 text")
		}
		return string(raw), nil
	})
	urlEncode = never(url.QueryEscape)

	// Digests for configuration that asks for one; nothing of vpsync's own safety rests on md5 or sha1.
	md5Func      = never(func(s string) string { d := md5.Sum([]byte(s)); return hex.EncodeToString(d[:]) })
	sha1Func     = never(func(s string) string { d := sha1.Sum([]byte(s)); return hex.EncodeToString(d[:]) })
	sha256Func   = never(func(s string) string { d := sha256.Sum256([]byte(s)); return hex.EncodeToString(d[:]) })
	sha512Func   = never(func(s string) string { d := sha512.Sum512([]byte(s)); return hex.EncodeToString(d[:]) })
	base64SHA256 = never(func(s string) string {
		d := sha256.Sum256([]byte(s))
		return base64.StdEncoding.EncodeToString(d[:])
	})
)
