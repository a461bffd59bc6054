BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AR|M1
ERR||MSH^1|102^Data type error^HL70357|E|NUL_BYTE^^L|||the row holds a NUL byte: export the file as UTF-8 text again; it may have been cut or is no text
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.2|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AA|M2
BTS|2
