package npm

import "strings"

// Words that are no names of variables, and names that are there without a definition: those of the language, of Node, and of Auth0's platform.
var (
	keywords = set(`break case catch class const continue debugger default delete do else enum export extends false finally for function if import in instanceof
		new null return super switch this throw true try typeof var void while with yield let static implements interface package private protected public await
		async of get set as from target meta undefined NaN Infinity arguments eval`)
	globals = set(`AbortController AbortSignal AggregateError Array ArrayBuffer AsyncFunction Atomics BigInt BigInt64Array BigUint64Array Blob Boolean
		BroadcastChannel Buffer ByteLengthQueuingStrategy CloseEvent CompressionStream CountQueuingStrategy Crypto CryptoKey CustomEvent DOMException DataView Date
		DecompressionStream Error EvalError Event EventSource EventTarget File FinalizationRegistry Float16Array Float32Array Float64Array FormData Function Headers
		Int16Array Int32Array Int8Array Intl Iterator JSON Map Math MessageChannel MessageEvent MessagePort Navigator Number Object Performance PerformanceEntry
		PerformanceMark PerformanceMeasure PerformanceObserver Promise Proxy RangeError ReadableStream ReferenceError Reflect RegExp Request Response Set
		SharedArrayBuffer Storage String SubtleCrypto SuppressedError Symbol SyntaxError TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream
		TypeError URIError URL URLPattern URLSearchParams Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly WebSocket
		WritableStream __dirname __filename atob btoa clearImmediate clearInterval clearTimeout configuration console crypto decodeURI decodeURIComponent encodeURI
		encodeURIComponent escape exports fetch global globalThis isFinite isNaN localStorage module navigator parseFloat parseInt performance process
		queueMicrotask require root sessionStorage setImmediate setInterval setTimeout structuredClone unescape window self document GLOBAL
		ExtensibilityUserError SendPhoneMessageError UnauthorizedError PasswordValidationError auth0
		hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf`)
	// notCalls are the words whose parentheses hold no parameters.
	notCalls = set("if while for switch with catch return typeof await yield super import new void delete in of case throw do else")
)

// undefined warns of names that are read and that nothing in the script could define. All scopes count as one.
func (l *linter) undefined() {
	defined := map[string]bool{}
	for i, t := range l.toks {
		if t.word("with") || strings.Contains(t.text, `\u`) && t.kind == word {
			return // names may come from anywhere
		}
		l.define(i, defined)
	}
	said := map[string]bool{}
	for i, t := range l.toks {
		if t.kind != word || keywords[t.text] || globals[t.text] || defined[t.text] || said[t.text] || !l.read(i) {
			continue
		}
		said[t.text] = true
		hint := ""
		if h := meant[t.text]; h != "" {
			hint = ": " + h
		}
		l.warn(t, "%q is not defined anywhere in the script%s", t.text, hint)
	}
}

// meant says what guides meant by names that they do not define.
var meant = map[string]string{
	"message_type": "probably context.message_type",
	"recipient":    "it is the hook's first parameter",
	"code":         "probably context.code",
}

// read reports whether the word at i is a variable that is read.
func (l *linter) read(i int) bool {
	before, after := l.tok(i-1), l.tok(i+1)
	switch {
	case before.is("."), before.is("?."), after.is(":"), after.is("=>"):
		return false // a property, a key or a label, a parameter
	case before.word("typeof"), before.word("break"), before.word("continue"):
		return false
	case before.kind == word && (before.text == "function" || before.text == "class"):
		return false
	case after.is("(") && l.tok(l.closing(i+1)+1).is("{"):
		return false // a method
	}
	return !l.field(i)
}

// field reports whether the word at i names a field of a class.
func (l *linter) field(i int) bool {
	if l.fields == nil {
		l.fields = map[int]bool{}
		for k, t := range l.toks {
			if t.word("class") && !l.tok(k-1).is(".") && !l.tok(k+1).is(":") {
				l.classBody(k + 1)
			}
		}
	}
	return l.fields[i]
}

// classBody notes the words directly in the body of a class that begin a member.
func (l *linter) classBody(k int) {
	for ; k < len(l.toks) && !l.toks[k].is("{"); k++ {
		if l.toks[k].is("(") || l.toks[k].is("[") {
			k = l.closing(k)
		}
	}
	for end := l.closing(k); k+1 < end; {
		k++
		t, before := l.toks[k], l.tok(k-1)
		if t.is("{") || t.is("(") || t.is("[") || t.is("${") {
			k = l.closing(k)
			continue
		}
		if t.kind == word && (t.newline || before.is("{") || before.is(";") || before.is("}") || before.word("static")) {
			l.fields[k] = true
		}
	}
}

// define notes the names that the token at i may define.
func (l *linter) define(i int, defined map[string]bool) {
	t, before, after := l.toks[i], l.tok(i-1), l.tok(i+1)
	switch {
	case t.kind == word:
		switch {
		case before.is("."), before.is("?."):
		case after.is("=>"), after.is("="), after.word("of"), after.word("in"), assigns[after.text] && after.kind == punct,
			before.is("++"), before.is("--"), before.is("..."), before.word("class"), before.word("function"), before.word("import"),
			before.word("as"), before.word("typeof"), before.word("catch"):
			defined[t.text] = true
		case before.is("*") && l.tok(i-2).word("function"):
			defined[t.text] = true
		case t.text == "var" || t.text == "let" || t.text == "const" || t.text == "using":
			l.declaration(i+1, defined)
		}
	case t.is("(") && l.parameters(i):
		l.all(i, l.closing(i), defined)
	case t.is("[") || t.is("{"):
		if end := l.closing(i); l.tok(end+1).is("=") || l.tok(end+1).word("of") || l.tok(end+1).word("in") {
			l.all(i, end, defined) // a pattern
		}
	}
}

var assigns = set("++ -- += -= *= /= %= **= <<= >>= >>>= &= |= ^= &&= ||= ??=")

// parameters reports whether the parenthesis at i may begin a list of parameters.
func (l *linter) parameters(i int) bool {
	next := l.tok(l.closing(i) + 1)
	if next.is("=>") {
		return true
	}
	before := l.tok(i - 1)
	if before.word("catch") {
		return true
	}
	return next.is("{") && !(before.kind == word && notCalls[before.text] && !l.tok(i-2).is("."))
}

// all notes every name between two tokens.
func (l *linter) all(from, to int, defined map[string]bool) {
	for i := from; i < to && i < len(l.toks); i++ {
		if t := l.toks[i]; t.kind == word && !l.tok(i-1).is(".") {
			defined[t.text] = true
		}
	}
}

// declaration notes what var, let and const declare.
func (l *linter) declaration(i int, defined map[string]bool) {
	for expect := true; i < len(l.toks); i++ {
		t := l.toks[i]
		switch {
		case t.is("(") || t.is("[") || t.is("{") || t.is("${"):
			end := l.closing(i)
			if expect {
				l.all(i, end, defined)
			}
			i = end
			expect = false
		case t.is(";") || t.is(")") || t.is("]") || t.is("}"):
			return
		case t.is(","):
			expect = true
		case t.kind == word && expect:
			defined[t.text] = true
			expect = false
		}
	}
}

// closing is the place of the bracket that closes the one at i, the end if there is none.
func (l *linter) closing(i int) int {
	if l.ends == nil {
		l.ends = map[int]int{}
		var open []int
		for k, t := range l.toks {
			switch {
			case t.is("(") || t.is("[") || t.is("{") || t.is("${"):
				open = append(open, k)
			case (t.is(")") || t.is("]") || t.is("}")) && len(open) > 0:
				l.ends[open[len(open)-1]] = k
				open = open[:len(open)-1]
			}
		}
	}
	if end, ok := l.ends[i]; ok {
		return end
	}
	return len(l.toks)
}
