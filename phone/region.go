package phone

import "strings"

// regions are the calling codes that one region has alone, and those of services that belong to none (001). What is not in it is looked up
// in the numbering plan, which takes sixty times as long; a test compares both.
const regions = " 20:EG 27:ZA 30:GR 31:NL 32:BE 33:FR 34:ES 36:HU 40:RO 41:CH 43:AT 45:DK 46:SE 48:PL 49:DE 51:PE 52:MX 53:CU" +
	" 54:AR 55:BR 56:CL 57:CO 58:VE 60:MY 62:ID 63:PH 64:NZ 65:SG 66:TH 81:JP 82:KR 84:VN 86:CN 90:TR 91:IN 92:PK 93:AF 94:LK 95:MM 98:IR" +
	" 211:SS 213:DZ 216:TN 218:LY 220:GM 221:SN 222:MR 223:ML 224:GN 225:CI 226:BF 227:NE 228:TG 229:BJ 230:MU 231:LR 232:SL 233:GH" +
	" 234:NG 235:TD 236:CF 237:CM 238:CV 239:ST 240:GQ 241:GA 242:CG 243:CD 244:AO 245:GW 246:IO 247:AC 248:SC 249:SD 250:RW 251:ET" +
	" 252:SO 253:DJ 254:KE 255:TZ 256:UG 257:BI 258:MZ 260:ZM 261:MG 263:ZW 264:NA 265:MW 266:LS 267:BW 268:SZ 269:KM 291:ER 297:AW" +
	" 298:FO 299:GL 350:GI 351:PT 352:LU 353:IE 354:IS 355:AL 356:MT 357:CY 359:BG 370:LT 371:LV 372:EE 373:MD 374:AM 375:BY 376:AD" +
	" 377:MC 378:SM 380:UA 381:RS 382:ME 383:XK 385:HR 386:SI 387:BA 389:MK 420:CZ 421:SK 423:LI 500:FK 501:BZ 502:GT 503:SV 504:HN" +
	" 505:NI 506:CR 507:PA 508:PM 509:HT 591:BO 592:GY 593:EC 594:GF 595:PY 596:MQ 597:SR 598:UY 670:TL 672:NF 673:BN 674:NR 675:PG" +
	" 676:TO 677:SB 678:VU 679:FJ 680:PW 681:WF 682:CK 683:NU 685:WS 686:KI 687:NC 688:TV 689:PF 690:TK 691:FM 692:MH 800:001 808:001" +
	" 850:KP 852:HK 853:MO 855:KH 856:LA 870:001 878:001 880:BD 881:001 882:001 883:001 886:TW 888:001 960:MV 961:LB 962:JO 963:SY" +
	" 964:IQ 965:KW 966:SA 967:YE 968:OM 970:PS 971:AE 972:IL 973:BH 974:QA 975:BT 976:MN 977:NP 979:001 992:TJ 993:TM 994:AZ 995:GE" +
	" 996:KG 998:UZ "

// notUS are the area codes of +1 that are not the United States' alone.
const notUS = " 204 226 236 242 246 249 250 257 263 264 268 284 289 306 340 343 345 354 365 367 368 382 403 416 418 428 431 437 438 441" +
	" 450 468 473 474 506 514 519 548 579 581 584 587 600 604 613 622 633 639 647 649 658 664 670 671 672 683 684 705 709 721 742 753" +
	" 758 767 778 780 782 784 787 807 809 819 825 829 849 867 868 869 873 876 879 902 905 939 942 "

// onlyCA are the area codes of +1 that are Canada's alone.
const onlyCA = " 204 226 236 249 250 257 263 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 474 506 514 519 548 579 581 584" +
	" 587 600 604 613 622 633 639 647 672 683 705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942 "

// notGB are the beginnings of British mobile numbers of which Guernsey, Jersey or Man have a part.
const notGB = " 7509 7524 7624 7700 7781 7797 7829 7839 7911 7924 7937 "

// quickRegion returns the region of a number that its first digits decide.
func (n Number) quickRegion() (string, bool) {
	if len(n.e164) < 9 || len(n.e164) > 14 {
		return "", false
	}
	code, national := split(n.e164)
	switch code {
	case "1":
		if len(national) != 10 || national[0] < '2' {
			return "", false
		}
		area := pad(national[:3])
		if !strings.Contains(notUS, area) {
			return "US", true
		}
		return "CA", national[3] >= '2' && strings.Contains(onlyCA, area)
	case "44":
		if len(national) == 10 && national[0] == '7' && !strings.Contains(notGB, pad(national[:4])) {
			return "GB", true
		}
	case "7":
		return "RU", len(national) == 10 && national[0] == '9'
	case "39":
		return "IT", len(national) == 10 && national[0] == '3'
	case "61":
		return "AU", len(national) == 9 && national[0] == '4'
	case "47":
		return "NO", len(national) == 8 && (national[0] == '4' || national[0] == '9')
	default:
		if i := strings.Index(regions, " "+code+":"); i >= 0 {
			rest := regions[i+len(code)+2:]
			return rest[:strings.IndexByte(rest, ' ')], true
		}
	}
	return "", false
}

func pad(s string) string { return " " + s + " " }
