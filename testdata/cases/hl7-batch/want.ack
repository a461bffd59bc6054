BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AA|M1
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.2|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M2
ERR||RXA^1^5|0^Message accepted^HL70357|W|CVX_NDC^^L|||ndc: the NDC is that of another vaccine than cvx says; cvx is used: correct CVX or NDC
ERR||RXA^1^17^1^1|0^Message accepted^HL70357|W|CVX_MVX^^L|||mvx: the manufacturer doesn't make the vaccine that cvx says: correct CVX or MVX
BTS|2
