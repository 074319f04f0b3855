package spec

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

// The errors of these functions say nothing of the text that they work on: it may be a secret.

// textFunction makes a function from text to text.
func textFunction(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return textResult(f(args[0].AsString()))
		},
	})
}

// textFunction2 makes a function from two texts to one.
func textFunction2(first, second string, f func(a, b string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: first, Type: cty.String}, {Name: second, Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return textResult(f(args[0].AsString(), args[1].AsString()))
		},
	})
}

func textResult(s string, err error) (cty.Value, error) {
	var placed function.ArgError
	switch {
	case errors.As(err, &placed):
		return cty.NilVal, err
	case err != nil:
		return cty.NilVal, function.NewArgError(0, err)
	}
	if err := boundText(len(s)); err != nil {
		return cty.NilVal, err
	}
	return cty.StringVal(s), nil
}

// never makes a function that cannot fail, unless its result is too long.
func never(f func(string) string) function.Function {
	return textFunction(func(s string) (string, error) { return f(s), nil })
}

// digests are the checksums that configurations ask for, of a text and of a file; nothing of vpsync's own safety rests on
// md5 or sha1.
var digests = map[string]func([]byte) string{
	"md5":          hexDigest(md5.New),
	"sha1":         hexDigest(sha1.New),
	"sha256":       hexDigest(sha256.New),
	"sha512":       hexDigest(sha512.New),
	"base64sha256": base64Digest(sha256.New),
	"base64sha512": base64Digest(sha512.New),
}

func sumOf(h func() hash.Hash, data []byte) []byte {
	sum := h()
	sum.Write(data)
	return sum.Sum(nil)
}

func hexDigest(h func() hash.Hash) func([]byte) string {
	return func(data []byte) string { return hex.EncodeToString(sumOf(h, data)) }
}

func base64Digest(h func() hash.Hash) func([]byte) string {
	return func(data []byte) string { return base64.StdEncoding.EncodeToString(sumOf(h, data)) }
}

var (
	base64Encode = never(func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
	base64Decode = textFunction(decodeBase64Text)
	urlEncode    = never(url.QueryEscape)
	urlDecode    = textFunction(func(s string) (string, error) {
		out, err := url.QueryUnescape(s)
		if err != nil {
			return "", errors.New("that is not URL-encoded: after each % two hexadecimal digits are needed")
		}
		return validText([]byte(out))
	})
)

func decodeBase64(s string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, errors.New("that is not standard base64")
	}
	return raw, nil
}

func decodeBase64Text(s string) (string, error) {
	raw, err := decodeBase64(s)
	if err != nil {
		return "", err
	}
	return validText(raw)
}

func validText(raw []byte) (string, error) {
	if !utf8.Valid(raw) {
		return "", errors.New("the decoded bytes are not UTF-8 text")
	}
	return string(raw), nil
}

// base64Gzip makes the bytes that Terraform makes, so that a stack that moves here does not change. That is why the
// writer is flushed before it is closed.
var base64Gzip = textFunction(func(s string) (string, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, s)
	if err := errors.Join(err, w.Flush(), w.Close()); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
})

// base64Gunzip stops where the text becomes too long: a thousand bytes may unpack to a million.
var base64Gunzip = textFunction(func(s string) (string, error) {
	raw, err := decodeBase64(s)
	if err != nil {
		return "", err
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return "", errors.New("the decoded bytes are not gzip")
	}
	out, err := io.ReadAll(io.LimitReader(r, maxTextBytes+1))
	if err != nil {
		return "", errors.New("the decoded bytes are not whole gzip")
	}
	if len(out) > maxTextBytes { // and maybe cut within a character
		return "", boundText(len(out))
	}
	return validText(out)
})

// charset finds an encoding by its name in the registry of the IANA.
func charset(name string) (encoding.Encoding, error) {
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, function.NewArgErrorf(1, "%q is not an encoding that is known here; UTF-8, UTF-16LE and ISO-8859-1 are, among others", name)
	}
	return e, nil
}

var textEncodeBase64 = textFunction2("string", "encoding", func(s, name string) (string, error) {
	e, err := charset(name)
	if err != nil {
		return "", err
	}
	out, err := e.NewEncoder().String(s)
	if err != nil {
		return "", function.NewArgErrorf(0, "there is a character that %s lacks", name)
	}
	return base64.StdEncoding.EncodeToString([]byte(out)), nil
})

var textDecodeBase64 = textFunction2("string", "encoding", func(s, name string) (string, error) {
	e, err := charset(name)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(name, "utf-8") { // the decoder would put U+FFFD for what is wrong
		return decodeBase64Text(s)
	}
	raw, err := decodeBase64(s)
	if err != nil {
		return "", err
	}
	out, err := e.NewDecoder().Bytes(raw)
	if err != nil {
		return "", function.NewArgErrorf(0, "the decoded bytes are not %s", name)
	}
	return validText(out)
})

// namespaces are those that RFC 4122 gives a number.
var namespaces = map[string]uuid.UUID{
	"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500,
}

var uuidV5 = textFunction2("namespace", "name", func(namespace, name string) (string, error) {
	space, ok := namespaces[namespace]
	if !ok {
		var err error
		if space, err = uuid.Parse(namespace); err != nil {
			return "", errors.New("must be dns, url, oid, x500 or a UUID")
		}
	}
	return uuid.NewSHA1(space, []byte(name)).String(), nil
})
