BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AA|M1
ERR||ORC^1^3^1^1|0^Message accepted^HL70357|I|HL7_9999^^L|||vax_event_id: ORC-3 is 9999, which names no event: the id was made of recipient, date and vaccine: send a stable id of your own where there is one
ERR||ORC^3^3^1^1|0^Message accepted^HL70357|I|HL7_9999^^L|||vax_event_id: ORC-3 is 9999, which names no event: the id was made of recipient, date and vaccine: send a stable id of your own where there is one
ERR||RXA^3^3|102^Data type error^HL70357|I|DATE_PARTIAL^^L|||admin_date: only the month or the year was sent: send the full date where it is known
BTS|1
