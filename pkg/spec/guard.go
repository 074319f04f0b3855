package spec

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Limits of one stack. The parser has none of its own: deep nesting overflows its stack, which no recover catches, so
// every file is measured over its flat sequence of tokens before it is parsed.
const (
	MaxFileBytes  = 1 << 20 // of one file: nothing needs to be read beyond it
	maxStackBytes = 64 << 20
	maxDepth      = 200
	maxUnary      = 32
	maxOperators  = 5000
	maxDigits     = 400 // of a number, and of its exponent: as a text, 1e100000000 would take a hundred megabytes
)

// Guard says why a source must not be parsed, or nothing. It runs in time linear in the source.
func Guard(src []byte, file string) Diagnostics {
	if refused := guardText(src, file); len(refused) > 0 {
		return refused
	}
	tokens, _ := hclsyntax.LexConfig(src, file, hcl.InitialPos) // its complaints come again, with more context, from the parser
	return guardTokens(tokens, nesting{byLine: true})
}

// guardTemplate does so for a template that stands in a file of its own.
func guardTemplate(src []byte, file string) Diagnostics {
	if refused := guardText(src, file); len(refused) > 0 {
		return refused
	}
	tokens, _ := hclsyntax.LexTemplate(src, file, hcl.InitialPos)
	return guardTokens(tokens, nesting{})
}

// guardText looks at what a file must be in any syntax.
func guardText(src []byte, file string) Diagnostics {
	refuse := func(summary, detail string) Diagnostics {
		return Diagnostics{{Severity: SeverityError, Summary: summary, Detail: detail,
			Range: &Range{File: file, Start: Pos{Line: 1, Column: 1}, End: Pos{Line: 1, Column: 1}}}}
	}
	if len(src) > MaxFileBytes {
		return refuse("File is too large", fmt.Sprintf("%s has %d bytes; a file may have %d. Split it: all *.hcl files of a folder are one stack.", file, len(src), MaxFileBytes))
	}
	if !utf8.Valid(src) {
		return refuse("File is not UTF-8", fmt.Sprintf("%s holds bytes that are not UTF-8 text. Save it in that encoding.", file))
	}
	if i := bytes.IndexByte(src, 0); i >= 0 {
		return refuse("File holds a NUL byte", fmt.Sprintf("%s is not a text file: there is a NUL at byte %d.", file, i))
	}
	return nil
}

// guardTokens measures a sequence of tokens. Outermost is what they stand in: a file, an expression or a template.
func guardTokens(tokens hclsyntax.Tokens, outermost nesting) Diagnostics {
	refuse := func(summary, detail string, at *Range) Diagnostics {
		return Diagnostics{{Severity: SeverityError, Summary: summary, Detail: detail, Range: at}}
	}
	unary := 0
	open := []nesting{outermost} // and what is open in it
	for i, t := range tokens {
		inner := &open[len(open)-1]
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if t.Type != hclsyntax.TokenTemplateInterp { // the parts of a template lie side by side
				inner.operators++ // an index, a call or a directive makes an expression longer, like an operator
			}
			open = append(open, nesting{byLine: t.Type == hclsyntax.TokenOBrace && !startsLoop(tokens[i+1:])})
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		case hclsyntax.TokenComma:
			inner.operators = 0
		case hclsyntax.TokenNewline, hclsyntax.TokenComment:
			if inner.byLine && bytes.HasSuffix(t.Bytes, []byte("\n")) { // a comment to the end of the line holds the end
				inner.operators = 0
			}
		case hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent, hclsyntax.TokenAnd, hclsyntax.TokenOr,
			hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenGreaterThan, hclsyntax.TokenLessThanEq,
			hclsyntax.TokenGreaterThanEq, hclsyntax.TokenQuestion, hclsyntax.TokenColon, hclsyntax.TokenMinus, hclsyntax.TokenDot:
			inner.operators++
		}
		switch t.Type {
		case hclsyntax.TokenBang, hclsyntax.TokenMinus:
			unary++
		case hclsyntax.TokenNewline, hclsyntax.TokenComment:
		default:
			unary = 0
		}
		at := rangeOf(t.Range)
		switch {
		case len(open) > maxDepth+1:
			return refuse("Nested too deeply", fmt.Sprintf("Brackets, blocks and templates may be nested %d deep.", maxDepth), at)
		case unary > maxUnary:
			return refuse("Too many operators in a row", fmt.Sprintf("At most %d of ! and - may follow each other.", maxUnary), at)
		case t.Type == hclsyntax.TokenNumberLit && hugeNumber(string(t.Bytes)):
			return refuse("Number is too large", fmt.Sprintf("A number may have %d digits, before or after the point.", maxDigits), at)
		case open[len(open)-1].operators > maxOperators:
			return refuse("Expression is too long", fmt.Sprintf("One expression may hold %d operators. Use locals, or a function such as sum().", maxOperators), at)
		}
	}
	return nil
}

// nesting is one open bracket, block or template.
type nesting struct {
	operators int  // of the expression that goes on in it
	byLine    bool // a new line begins another expression: true of files, blocks and objects alone
}

// startsLoop: what follows an opening brace makes it { for ... }, in which lines mean nothing.
func startsLoop(tokens hclsyntax.Tokens) bool {
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenNewline && t.Type != hclsyntax.TokenComment {
			return t.Type == hclsyntax.TokenIdent && string(t.Bytes) == "for"
		}
	}
	return false
}

// hugeNumber: written out, the number would have too many digits.
func hugeNumber(literal string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToLower(literal), "e")
	if len(mantissa) > maxDigits {
		return true
	}
	if !found {
		return false
	}
	n, err := strconv.Atoi(exponent)
	return err != nil || n > maxDigits || n < -maxDigits
}
