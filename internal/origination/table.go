package origination

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

const (
	// source names where the facts are from; dates are of the edition that a row was taken from.
	source     = "AWS End User Messaging, supported countries and regions for SMS"
	readNewest = "2026-11-21"
	readOlder  = "2023-06-30"
)

// Each row is the country's code, its marks and its name. Marks: s short codes, l long codes, r long codes that only receive, t toll-free numbers and
// d 10DLC numbers are offered; Y, O, R, N: sender IDs are supported, optionally registered, only registered, not supported; 2: two-way; +: the row was read
// in the newest edition, others in an older one or, for registrations, in the list of registration forms.
var rows = [...]string{
	"AD Y Andorra",
	"AE slR2 United Arab Emirates",
	"AF Y+ Afghanistan",
	"AG Y+ Antigua and Barbuda",
	"AI Y+ Anguilla",
	"AL Y Albania",
	"AM Y+ Armenia",
	"AO Y+ Angola",
	"AR sN+ Argentina",
	"AS lN2 American Samoa",
	"AT slO2 Austria",
	"AU lR2+ Australia",
	"AW Y+ Aruba",
	"AZ Y+ Azerbaijan",
	"BA Y Bosnia and Herzegovina",
	"BB Y+ Barbados",
	"BD R+ Bangladesh",
	"BE lN2 Belgium",
	"BF Y+ Burkina Faso",
	"BG sY2 Bulgaria",
	"BH Y+ Bahrain",
	"BI Y+ Burundi",
	"BM Y+ Bermuda",
	"BN Y+ Brunei",
	"BO Y+ Bolivia",
	"BR sN2+ Brazil",
	"BS N+ Bahamas",
	"BT Y+ Bhutan",
	"BW Y+ Botswana",
	"BY R Belarus",
	"BZ Y+ Belize",
	"CA slN2t+ Canada",
	"CD Y+ Democratic Republic of the Congo",
	"CF Y+ Central African Republic",
	"CG N Republic of the Congo",
	"CH rY Switzerland",
	"CI Y Ivory Coast",
	"CK Y2+ Cook Islands",
	"CL slN2+ Chile",
	"CM sR2+ Cameroon",
	"CN sN2+ China",
	"CO sN+ Colombia",
	"CR slN2+ Costa Rica",
	"CV Y+ Cape Verde",
	"CW Y Curaçao",
	"CY Y Cyprus",
	"CZ lY2 Czechia",
	"DE slY2 Germany",
	"DJ Y+ Djibouti",
	"DK slY2 Denmark",
	"DM Y+ Dominica",
	"DO sN2+ Dominican Republic",
	"DZ Y+ Algeria",
	"EC sN2+ Ecuador",
	"EE lY2 Estonia",
	"EG sR2+ Egypt",
	"ER Y Eritrea",
	"ES slO2 Spain",
	"ET Y Ethiopia",
	"FI slO2 Finland",
	"FJ Y+ Fiji",
	"FM N+ Micronesia",
	"FO Y Faroe Islands",
	"FR sY2 France",
	"GA Y Gabon",
	"GB slO2 United Kingdom",
	"GD Y Grenada",
	"GE Y+ Georgia",
	"GF Y+ French Guiana",
	"GG Y Guernsey",
	"GH Y Ghana",
	"GI Y Gibraltar",
	"GL Y+ Greenland",
	"GM Y Gambia",
	"GN Y Guinea",
	"GP Y Guadeloupe",
	"GQ Y+ Equatorial Guinea",
	"GR Y Greece",
	"GT N Guatemala",
	"GU lN2+ Guam",
	"GW Y Guinea-Bissau",
	"GY Y+ Guyana",
	"HK lY2+ Hong Kong",
	"HN N Honduras",
	"HR Y Croatia",
	"HT Y Haiti",
	"HU lN2 Hungary",
	"ID R Indonesia",
	"IE lR2 Ireland",
	"IL lY2 Israel",
	"IM Y Isle of Man",
	"IN srR2+ India",
	"IQ Y Iraq",
	"IS Y Iceland",
	"IT slY2 Italy",
	"JE lY2 Jersey",
	"JM Y Jamaica",
	"JO R Jordan",
	"JP slY2 Japan",
	"KE R Kenya",
	"KG Y Kyrgyzstan",
	"KH R+ Cambodia",
	"KM Y+ Comoros",
	"KN N Saint Kitts and Nevis",
	"KR N South Korea",
	"KW R Kuwait",
	"KY N+ Cayman Islands",
	"KZ R Kazakhstan",
	"LA Y Laos",
	"LB Y Lebanon",
	"LC N Saint Lucia",
	"LI Y Liechtenstein",
	"LK R Sri Lanka",
	"LR lN Liberia",
	"LS Y Lesotho",
	"LT lY2 Lithuania",
	"LU lY2 Luxembourg",
	"LV Y Latvia",
	"LY Y Libya",
	"MA sY2 Morocco",
	"MC N Monaco",
	"MD Y Moldova",
	"ME Y Montenegro",
	"MG Y Madagascar",
	"MH N+ Marshall Islands",
	"MK Y North Macedonia",
	"ML Y Mali",
	"MM lY2 Myanmar",
	"MN Y Mongolia",
	"MO Y Macau",
	"MP lN2 Northern Mariana Islands",
	"MQ Y Martinique",
	"MR Y Mauritania",
	"MS Y Montserrat",
	"MT Y Malta",
	"MU Y Mauritius",
	"MV Y Maldives",
	"MW Y Malawi",
	"MX srN2 Mexico",
	"MY sN2 Malaysia",
	"MZ N Mozambique",
	"NA Y Namibia",
	"NC Y+ New Caledonia",
	"NE Y Niger",
	"NF Y+ Norfolk Island",
	"NG Y Nigeria",
	"NI N Nicaragua",
	"NL slY2 Netherlands",
	"NO lY2 Norway",
	"NP Y Nepal",
	"NU Y+ Niue",
	"NZ sN2+ New Zealand",
	"OM Y Oman",
	"PA Y Panama",
	"PE sN2+ Peru",
	"PF Y+ French Polynesia",
	"PG Y Papua New Guinea",
	"PH R2 Philippines",
	"PK Y Pakistan",
	"PL lY2 Poland",
	"PR slN2td Puerto Rico",
	"PS Y Palestine",
	"PT lY2 Portugal",
	"PW Y+ Palau",
	"PY N+ Paraguay",
	"QA R Qatar",
	"RE Y Réunion",
	"RO lY2 Romania",
	"RS Y Serbia",
	"RU sR2 Russia",
	"RW Y Rwanda",
	"SA rR Saudi Arabia",
	"SB Y Solomon Islands",
	"SC Y Seychelles",
	"SE slY2 Sweden",
	"SG slR2 Singapore",
	"SI Y Slovenia",
	"SK lY Slovakia",
	"SL Y Sierra Leone",
	"SM Y San Marino",
	"SN Y Senegal",
	"SO Y Somalia",
	"SR Y+ Suriname",
	"SS Y South Sudan",
	"ST Y São Tomé and Príncipe",
	"SV N+ El Salvador",
	"SZ Y Eswatini",
	"TC Y Turks and Caicos Islands",
	"TD Y+ Chad",
	"TG Y Togo",
	"TH lR2 Thailand",
	"TJ Y Tajikistan",
	"TL Y Timor-Leste",
	"TM N Turkmenistan",
	"TN Y Tunisia",
	"TO Y Tonga",
	"TR R Türkiye",
	"TT Y Trinidad and Tobago",
	"TV Y Tuvalu",
	"TW lY2 Taiwan",
	"TZ Y Tanzania",
	"UA lY2 Ukraine",
	"UG Y Uganda",
	"US slN2td United States",
	"UY sN2+ Uruguay",
	"UZ Y Uzbekistan",
	"VE N+ Venezuela",
	"VG Y British Virgin Islands",
	"VI lN2 US Virgin Islands",
	"VN R Vietnam",
	"VU Y Vanuatu",
	"WS Y Samoa",
	"XK Y Kosovo",
	"YE Y Yemen",
	"YT Y Mayotte",
	"ZA slN2 South Africa",
	"ZM R Zambia",
	"ZW Y Zimbabwe",
}

// notes say what the marks cannot.
var notes = map[string]string{
	"AS": "Numbers of the United States serve its territories.",
	"CA": "An identity of one's own is needed; numbers of the United States do not replace one.",
	"CN": "Each text must be registered as a template first.",
	"FI": "Names that somebody registered are blocked for all others.",
	"GU": "Numbers of the United States serve its territories.",
	"IE": "Sender IDs that are not registered are shown as a likely scam.",
	"IN": "Entity and template of the DLT registry go with each text; without a registered sender ID texts take the costly international route.",
	"MP": "Numbers of the United States serve its territories.",
	"PR": "Numbers of the United States serve its territories.",
	"SG": "Sender IDs that are not registered are shown as a likely scam.",
	"US": "Long codes must be 10DLC numbers of a registered campaign; toll-free numbers must be verified.",
	"VI": "Numbers of the United States serve its territories.",
}

// table is parsed once: it does not change.
var table = sync.OnceValue(func() map[string]Country {
	out := make(map[string]Country, len(rows))
	for _, row := range rows {
		iso, rest, _ := strings.Cut(row, " ")
		marks, name, _ := strings.Cut(rest, " ")
		out[iso] = parseRow(iso, marks, name)
	}
	return out
})

func parseRow(iso, marks, name string) Country {
	c := Country{ISO: iso, Name: name, Types: []Type{}, Note: notes[iso], Source: source, Read: readOlder}
	for _, m := range marks {
		switch m {
		case 's':
			c.Types = append(c.Types, ShortCode)
		case 'l', 'r':
			c.Types = append(c.Types, LongCode)
			c.ReceiveOnly = m == 'r'
		case 't':
			c.Types = append(c.Types, TollFree)
		case 'd':
			c.Types = append(c.Types, TenDLC)
		case 'Y':
			c.SenderID = Supported
		case 'O':
			c.SenderID = Optional
		case 'R':
			c.SenderID = Required
		case 'N':
			c.SenderID = NotSupported
		case '2':
			c.TwoWay = true
		case '+':
			c.Sure, c.Read = true, readNewest
		}
	}
	c.Needed = c.needed()
	return c
}

// needed is the rule of the field Needed: who cannot show a sender ID must have a number, if numbers that can send are to be had.
func (c Country) needed() bool {
	switch c.SenderID {
	case Required:
		return true
	case NotSupported:
		return len(c.Types) > 1 || len(c.Types) == 1 && (c.Types[0] != LongCode || !c.ReceiveOnly)
	}
	return false
}

// PublishedCountries returns the table of supported options, by country code, without the deployment's corrections.
func PublishedCountries() []Country {
	all := table()
	out := make([]Country, 0, len(all))
	for _, iso := range slices.Sorted(maps.Keys(all)) {
		out = append(out, copyOf(all[iso]))
	}
	return out
}

// PublishedCountry returns a country's row, or one without SenderID if it is not listed.
func PublishedCountry(iso string) Country {
	if c, ok := table()[iso]; ok {
		return copyOf(c)
	}
	return Country{ISO: iso, Types: []Type{}}
}

func copyOf(c Country) Country { c.Types = slices.Clone(c.Types); return c }

// northAmericanSame are the United States and its territories: numbers of one serve all.
const northAmericanSame = " US PR GU VI AS MP "

// sameCountry reports whether numbers of one country are domestic in another.
func sameCountry(a, b string) bool {
	return a == b || len(a) == 2 && len(b) == 2 && strings.Contains(northAmericanSame, a) && strings.Contains(northAmericanSame, b)
}
