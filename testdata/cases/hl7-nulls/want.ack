BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||PID^1^7|101^Required field missing^HL70357|W|REQD001^^L|||recip_dob: a required field is empty: send the value, or the code for unknown
ERR||PID^1^8|101^Required field missing^HL70357|W|REQD001^^L|||recip_sex: a required field is empty: send the value, or the code for unknown
BTS|1
