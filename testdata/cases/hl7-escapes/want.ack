BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||PID^1^11^1^3|0^Message accepted^HL70357|W|CONTROL_CHARACTERS^^L|||recip_address_city: the value holds control characters: send text without them; CVRS asks to turn tabs into spaces
BTS|1
