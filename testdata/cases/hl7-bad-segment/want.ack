BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||RXA^1|100^Segment sequence error^HL70357|W|HL7_ORDER^^L|||a segment is out of order or comes twice; it was passed over: send PID and PD1 once, then for each dose ORC, RXA, RXR, OBX
ERR||RXA^1|100^Segment sequence error^HL70357|W|HL7_LINE^^L|||a line in the message is no segment; it was passed over: look for a line break inside a value: HL7 writes it \E\.br\E\
BTS|1
