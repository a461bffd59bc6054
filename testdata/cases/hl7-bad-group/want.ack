BHS|^~\&|dosebook||||20210306090000-0800
MSH|^~\&|dosebook|CAIR2|EHR|1234|20210306090000-0800||ACK^V04^ACK|20210306090000.1|P|2.5.1|||NE|NE|||||Z23^CDCPHINVS
MSA|AE|M1
ERR||ORC^1|100^Segment sequence error^HL70357|E|HL7_ORC_ALONE^^L|||an ORC is not followed by its RXA: send an RXA behind each ORC
ERR||ORC^2|100^Segment sequence error^HL70357|E|HL7_SEGMENT^^L|||vax_event_id: a required segment (PID before the orders, ORC before each RXA) is missing: send MSH, PID, then ORC and RXA for each dose
ERR||ORC^3|100^Segment sequence error^HL70357|E|HL7_ORC_ALONE^^L|||an ORC is not followed by its RXA: send an RXA behind each ORC
BTS|1
