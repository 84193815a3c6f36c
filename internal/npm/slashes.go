package npm

// beforeExpression are the words after which an expression begins, control those whose parentheses a statement follows.
var (
	beforeExpression = set("return typeof instanceof in of new delete void throw case do else yield await extends default")
	control          = set("if while for with")
)

// regexMayFollow tells by the token before a slash.
func (l *lexer) regexMayFollow() bool {
	if len(l.out) == 0 {
		return true
	}
	switch t := l.out[len(l.out)-1]; t.kind {
	case word:
		return beforeExpression[t.text] && !l.afterDot(len(l.out)-1)
	case number, str, regex, private, template:
		return false
	default:
		switch t.text {
		case ")":
			return l.lastParen
		case "}":
			return l.lastBrace
		case "]", "`", "++", "--":
			return false
		}
		return true
	}
}

func (l *lexer) afterDot(i int) bool {
	return i > 0 && (l.out[i-1].is(".") || l.out[i-1].is("?."))
}

// bracket keeps parens and braces.
func (l *lexer) bracket(text string) {
	n := len(l.out)
	pop := func(stack *[]bool, last *bool) {
		if k := len(*stack); k > 0 {
			*last, *stack = (*stack)[k-1], (*stack)[:k-1]
		}
	}
	switch text {
	case "(":
		l.parens = append(l.parens, n > 0 && l.out[n-1].kind == word && control[l.out[n-1].text] && !l.afterDot(n-1))
	case ")":
		pop(&l.parens, &l.lastParen)
	case "{":
		l.braces = append(l.braces, n == 0 || l.blockMayFollow(l.out[n-1]))
	case "}":
		pop(&l.braces, &l.lastBrace)
	}
}

// blockMayFollow tells by the token before a brace whether it begins a block rather than an object.
func (l *lexer) blockMayFollow(t token) bool {
	switch {
	case t.kind == word:
		return t.text == "else" || t.text == "do" || t.text == "try" || t.text == "finally"
	case t.is(")"), t.is(";"), t.is("{"), t.is("}"), t.is("=>"):
		return true
	}
	return false
}
