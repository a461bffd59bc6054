BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||RXA^1^3|102^Data type error^HL70357|E|DATA001^^L|||admin_date: admin_date is not a possible date in YYYY-MM-DD, YYYY-MM or YYYY: correct the date and send the row again
BTS|1
