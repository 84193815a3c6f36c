package message

import "strings"

// sentences are the stock texts of one language. In each, CODE is the code and NAME the name of the tenant.
type sentences struct {
	lang                                   string
	enroll, verify, reset, blocked, breach string
	again                                  string // says the code once more, for voice
}

// stock returns the languages, English last: it is for all others.
func stock() []sentences {
	return []sentences{
		{"de", "CODE ist der Code, mit dem Sie dieses Telefon bei NAME anmelden.", "CODE ist Ihr Anmeldecode für NAME.",
			"CODE ist der Code für Ihr neues Passwort bei NAME.",
			"NAME hat Ihr Konto nach zu vielen Fehlversuchen vorübergehend gesperrt.",
			"Ihr Passwort bei NAME ist in einem Datenleck aufgetaucht. Bitte ändern Sie es.", "Noch einmal: CODE."},
		{"es", "CODE es el código para registrar este teléfono en NAME.", "CODE es su código de acceso a NAME.",
			"CODE es el código para cambiar su contraseña de NAME.",
			"NAME ha bloqueado su cuenta por un tiempo tras demasiados intentos fallidos.",
			"Su contraseña de NAME ha aparecido en datos robados. Le pedimos que la cambie.", "Otra vez: CODE."},
		{"fr", "CODE est le code pour enregistrer ce téléphone auprès de NAME.", "CODE est votre code de connexion à NAME.",
			"CODE est le code pour changer votre mot de passe NAME.",
			"NAME a bloqué votre compte pour un moment après trop d'essais manqués.",
			"Votre mot de passe NAME figure dans une fuite de données. Merci de le changer.", "Encore une fois : CODE."},
		{"", "CODE is the code that adds this phone to your account at NAME.", "CODE is your sign-in code for NAME.",
			"CODE is the code to change your password at NAME.",
			"NAME has blocked your account for a while after too many failed attempts.",
			"Your password at NAME was found in a data leak. Please change it.", "Once more: CODE."},
	}
}

// of returns the sentence of a kind.
func (s sentences) of(kind PhoneKind) string {
	switch kind {
	case PhoneEnrollment, PhoneOTPEnroll:
		return s.enroll
	case PhoneChangePassword:
		return s.reset
	case PhoneBlockedAccount:
		return s.blocked
	case PhonePasswordBreach:
		return s.breach
	}
	return s.verify
}

// DefaultPhone returns the stock text of a kind, a template that chooses its language by locale.
func DefaultPhone(kind PhoneKind, voice bool) string {
	fill := strings.NewReplacer("CODE", "{{ code }}", "NAME", "{{ tenant }}")
	if voice {
		fill = strings.NewReplacer("CODE", "{{ pause }} {{ code }}", "NAME", "{{ tenant }}")
	}
	var out strings.Builder
	tag := "if"
	for _, s := range stock() {
		if s.lang == "" {
			out.WriteString("{% else %}")
		} else {
			out.WriteString("{% " + tag + " locale contains '" + s.lang + "' %}")
			tag = "elsif"
		}
		text := s.of(kind)
		if voice && kind.HoldsCode() {
			text += " " + s.again
		}
		out.WriteString(fill.Replace(text))
	}
	out.WriteString("{% endif %}")
	return out.String()
}
