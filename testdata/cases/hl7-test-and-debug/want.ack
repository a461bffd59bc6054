BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR|M1
ERR||MSH^1^11|202^Unsupported processing id^HL70357|E|HL7_TEST^^L|||MSH-11 says test or debugging: such a message never counts: send real records with processing id P
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.2|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR|M2
ERR||MSH^1^11|202^Unsupported processing id^HL70357|E|HL7_TEST^^L|||MSH-11 says test or debugging: such a message never counts: send real records with processing id P
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.3|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M3
ERR||MSH^1^11|202^Unsupported processing id^HL70357|W|HL7_PROCESSING^^L|||MSH-11 is not P, T or D; the message was taken as production: send P for real records, T for tests
ERR||RXA^1^5|0^Message accepted^HL70357|W|CVX_NDC^^L|||ndc: the NDC is that of another vaccine than cvx says; cvx is used: correct CVX or NDC
ERR||RXA^1^17^1^1|0^Message accepted^HL70357|W|CVX_MVX^^L|||mvx: the manufacturer doesn't make the vaccine that cvx says: correct CVX or MVX
BTS|3
