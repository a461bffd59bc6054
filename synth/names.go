package synth

import "strings"

// culture is a group of people whose names go together: the lists hold common
// Californian family and given names, and weight is the group's part of
// vaccinated Californians (near CDPH's published shares by race and
// ethnicity; the splits of Asian by origin are near the census's).
type culture struct {
	weight              int
	race                string // CDCREC, the usual one
	latino              bool
	family, women, men  []string
	spreadRace, noneRac int // in 10,000: another race is reported, or none
}

func words(s string) []string { return strings.Fields(s) }

// newCultures makes the table; family names may hold an underscore for a space.
func newCultures() []culture {
	englishW := words("Mary Patricia Jennifer Linda Elizabeth Susan Jessica Sarah Karen Lisa Nancy Sandra Ashley Emily Kimberly Donna Michelle Carol Amanda Melissa Deborah Stephanie Rebecca Laura Sharon Cynthia Kathleen Amy Angela Emma Olivia Ava Sophia Mia Charlotte Evelyn Abigail Harper Ella Grace Chloe Lily Hannah Megan Rachel Katherine Christine Anne-Marie Zoë")
	englishM := words("James Robert John Michael David William Richard Joseph Thomas Christopher Daniel Matthew Anthony Mark Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Jason Edward Jeffrey Ryan Jacob Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Noah Liam Ethan Mason Logan Lucas Henry Jack Owen Wyatt")
	english := words("Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Martin Jackson Thompson White Harris Clark Lewis Robinson Walker Young Allen King Wright Scott Hill Green Adams Nelson Baker Hall Campbell Mitchell Carter Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy Cook Rogers Peterson Cooper Reed O'Brien O'Connor McCarthy Schmidt Petersen Rossi Silva Avakian Petrosyan Hakobyan Hosseini Cohen Schneider Van_Dyke De_Luca Smith-Jones")
	return []culture{
		{weight: 3300, race: "2106-3", latino: true, spreadRace: 5600, noneRac: 900,
			family: words("Garcia Hernandez Lopez Martinez Rodriguez Gonzalez Perez Sanchez Ramirez Torres Flores Rivera Gomez Diaz Reyes Morales Cruz Ortiz Gutierrez Chavez Ramos Ruiz Alvarez Mendoza Vasquez Castillo Jimenez Moreno Romero Herrera Medina Aguilar Vargas Castro Guzman Mendez Fernandez Muñoz Salazar Garza Soto Vega Contreras Rojas Nuñez Ibáñez De_La_Cruz De_La_Torre Garcia-Lopez Ochoa Estrada Avila Cervantes Zavala"),
			women:  words("Maria Guadalupe Sofia Isabella Camila Valentina Ana Rosa Carmen Leticia Veronica Alejandra Daniela Gabriela Elena Lucia Ximena Esmeralda Juana Teresa Martha Silvia Patricia Adriana Karla Yesenia Dulce Monica Araceli Ángela"),
			men:    words("Jose Juan Luis Carlos Jesus Miguel Francisco Javier Jorge Manuel Alejandro Antonio Fernando Ricardo Eduardo Roberto Sergio Mateo Santiago Sebastian Diego Angel Daniel Rafael Pedro Raul Arturo Hector Oscar José Andrés")},
		{weight: 3750, race: "2106-3", spreadRace: 500, noneRac: 700, family: english, women: englishW, men: englishM},
		{weight: 500, race: "2054-5", spreadRace: 300, noneRac: 500,
			family: words("Williams Johnson Smith Jones Brown Jackson Davis Thomas Harris Robinson Taylor Washington Jefferson Coleman Banks Brooks Booker Gaines Hayes Bryant Simmons Franklin Okafor Adeyemi Tesfaye Bekele Mensah Diallo"),
			women:  words("Denise Keisha Aaliyah Imani Jasmine Ebony Latoya Tanisha Monique Yvonne Brianna Kiara Nia Zora Destiny Gloria Dorothy Angela Simone Amara"),
			men:    words("Marcus Malik Darnell Jamal Tyrone Andre Isaiah Elijah Xavier Terrence Reginald Curtis Jerome Devin Darius Maurice Kofi Samuel Michael Anthony")},
		{weight: 520, race: "2028-9", spreadRace: 200, noneRac: 400,
			family: words("Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Wong Chan Lee Lam Leung Ng Cheung Ho Lin Xu"),
			women:  words("Mei Li Jing Xiu Ying Hui Yan Fang Wei Lan Grace Vivian Amy Jenny Angela Michelle Tiffany Winnie"),
			men:    words("Wei Ming Jun Hao Jian Feng Lei Qiang Yong Bo Kevin Jason Eric Raymond Andrew Vincent Calvin Wilson")},
		{weight: 460, race: "2028-9", spreadRace: 600, noneRac: 400,
			family: words("Santos Reyes Cruz Bautista Ocampo Garcia Mendoza Aquino Villanueva Ramos Dela_Cruz Castillo Navarro Mercado Pascual Tolentino Manalo Dizon Salonga Agbayani"),
			women:  words("Maricel Rowena Jocelyn Marites Imelda Cristina Angelica Jasmine Lourdes Rosalie Grace Michelle Princess Divina Analyn"),
			men:    words("Rommel Jayson Ernesto Reynaldo Mark Jericho Danilo Rodrigo Arnel Edgar Noel Paolo Gabriel Christian Ronaldo")},
		{weight: 330, race: "2028-9", spreadRace: 100, noneRac: 400,
			family: words("Nguyen Nguyen Nguyen Tran Tran Le Pham Huynh Hoang Phan Vu Vo Dang Bui Do Ho Ngo Duong Ly"),
			women:  words("Linh Thu Lan Huong Mai Hoa Thao Ngoc Phuong Trang Kim-Anh Vy Anh Tuyet Diem"),
			men:    words("Minh Tuan Hung Dung Hai Long Nam Quang Khoa Duc Tam Vinh Phuc Thanh Bao")},
		{weight: 370, race: "2028-9", spreadRace: 200, noneRac: 500,
			family: words("Patel Singh Kaur Shah Sharma Gupta Kumar Reddy Rao Desai Mehta Iyer Khan Ahmed Nair Chaudhary Gill Dhillon Sidhu Bains"),
			women:  words("Priya Anjali Pooja Kavita Sunita Neha Aisha Fatima Divya Lakshmi Meera Harpreet Simran Ananya Riya"),
			men:    words("Raj Amit Sanjay Vikram Arjun Rahul Ravi Suresh Mohammed Imran Gurpreet Jaspreet Aarav Rohan Dev")},
		{weight: 200, race: "2028-9", spreadRace: 200, noneRac: 400,
			family: words("Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Tanaka Suzuki Sato Yamamoto Nakamura Watanabe Ito Yamada Vang Xiong Yang Thao Sok Chea Keo"),
			women:  words("Ji-woo Soo-jin Min-ji Hye-jin Eun-ji Yuki Sakura Hana Keiko Naomi Mai Pa Sophia Sarah Esther"),
			men:    words("Min-jun Ji-hoon Sung-ho Dong-hyun Kenji Hiroshi Takeshi Daisuke Kenta Tou Pao Daniel Brian David Joseph")},
		{weight: 320, race: "2131-1", spreadRace: 3500, noneRac: 2500, family: english, women: englishW, men: englishM},
		{weight: 60, race: "2076-8", spreadRace: 300, noneRac: 400,
			family: words("Faleolo Tuiasosopo Leota Mataafa Kealoha Kahale Fonoti Taufa Vea Tupou Siale Manu Kekoa Sua Tavita"),
			women:  words("Leilani Malia Sina Mele Lani Kalea Ana Lupe Moana Talia"),
			men:    words("Keoni Sione Tavita Malakai Kai Semisi Viliami Ioane Makoa Nalu")},
		{weight: 90, race: "1002-5", spreadRace: 1200, noneRac: 600,
			family: words("Begay Yazzie Lopez Benally James Jackson Masten Marshall Moon Brown Pinola Lavell Smith Charlie Joaquin"),
			women:  englishW, men: englishM},
	}
}

var (
	streetNames = words("Main Oak Maple Cedar Elm Pine Washington Lake Hill Walnut Spring Ridge Church Willow Mill Sunset Railroad Jefferson Park Highland Center Valley Franklin Broadway Mission Olive Blackstone Shaw Ventura Wilshire Figueroa Sepulveda Telegraph Foothill Alameda Harbor Beach Magnolia Euclid Riverside Stockton Freeport Folsom Chester Union Truxtun Mooney Yosemite McHenry Almond Citrus Grove Vineyard Poppy Sequoia Redwood Laurel Manzanita Sycamore El_Camino_Real San_Pablo Santa_Fe La_Brea Del_Mar Los_Robles Cesar_Chavez 1st 2nd 3rd 4th 5th 7th 10th 14th 24th")
	streetEnds  = words("St St St Ave Ave Ave Blvd Rd Dr Dr Ln Way Ct Pl")
	elsewhere   = []elsewherePlace{
		{"AZ", "04013", "Phoenix", "85001"}, {"AZ", "04013", "Mesa", "85201"}, {"AZ", "04027", "Yuma", "85364"}, {"NV", "32003", "Las Vegas", "89101"},
		{"NV", "32003", "Henderson", "89002"}, {"NV", "32031", "Reno", "89501"}, {"OR", "41051", "Portland", "97201"}, {"OR", "41029", "Medford", "97501"},
		{"WA", "53033", "Seattle", "98101"}, {"TX", "48201", "Houston", "77001"}, {"HI", "15003", "Honolulu", "96801"}, {"NY", "36061", "New York", "10001"},
	}
	pharmacies   = []string{"Golden Poppy Drug", "Bearflag Pharmacy", "Redwood Apothecary", "Sierra Value Rx", "Pacific Family Drug", "Almond Tree Market Pharmacy", "El Sol Farmacia", "Quailside Pharmacy"}
	clinicNames  = words("North South East West Central Valley Mobile Downtown")
	hospitalEnds = []string{"Community Hospital", "Regional Medical Center", "Memorial Hospital", "General Hospital"}
	groupNames   = []string{"Poppyfield Health Network", "Coastline Medical Group", "Granite Peak Physicians", "Tule Valley Care"}
)

type elsewherePlace struct{ state, fips, city, zip string }
