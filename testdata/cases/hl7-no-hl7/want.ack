BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook||||20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR
ERR||MSH^1|100^Segment sequence error^HL70357|E|FMT_003^^L|||the file is no HL7: it does not begin with MSH, BHS or FHS: send messages that begin with MSH\F\\S\\R\\E\\T\\F\, in a batch (BHS … BTS) or one behind the other
BTS|1
