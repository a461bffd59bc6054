BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook||||20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR
ERR||RXA^1|100^Segment sequence error^HL70357|E|HL7_STRAY^^L|||text stands outside any message: look for a missing MSH, or for a batch trailer in the wrong place
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.2|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AA|M1
MSH|^~\&|dosebook||||20210306090000-0800||ACK^V04^ACK|20210306090000.3|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR
ERR||RXA^1|100^Segment sequence error^HL70357|E|HL7_STRAY^^L|||text stands outside any message: look for a missing MSH, or for a batch trailer in the wrong place
BTS|3
