BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||PID^1^10^1|101^Required field missing^HL70357|W|REQD001^^L|||recip_race_1: a required field is empty: send the value, or the code for unknown
ERR||PID^1^22^1^1|101^Required field missing^HL70357|W|REQD001^^L|||recip_ethnicity: a required field is empty: send the value, or the code for unknown
ERR||PID^1^29|0^Message accepted^HL70357|W|AFTER_DEATH^^L|||recip_death_date: the dose was given after the day the recipient died; HL7 and FHIR only, since CVRS has no date of death: correct the date of the dose or of death, or check whether two persons share an id
BTS|1
