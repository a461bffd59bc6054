package dashboards

// The languages that there are, as HTML's lang has them.
const (
	English = "en"
	Spanish = "es"
)

// words are the sentences of the public pages in other languages, by their
// English. What a page takes from elsewhere is here too: labels of the public
// tables (dose, release) and what is told of a refusal. A test holds that no
// English is left on a Spanish page.
var words = map[string]map[string]string{Spanish: {
	"Public tables": "Tablas públicas", "For health departments": "Para departamentos de salud", "Pages": "Páginas", "To the figures": "Ir a las cifras",
	"Every number on this page stands in the files named below it, which never change.": "Cada número de esta página está en los archivos nombrados debajo, que nunca cambian.",
	"What the words mean": "Qué significan las palabras", "hidden": "oculto",
	"stands for a count of 1 to 10, or for one from which such a count could be worked out. It is never zero: zeros are shown.": "está en lugar de una cantidad de 1 a 10, o de otra con la que se podría calcular una así. Nunca es cero: los ceros se muestran.",

	"COVID-19 vaccination in California": "Vacunación contra el COVID-19 en California", "COVID-19 vaccination: %s": "Vacunación contra el COVID-19: %s",
	"Doses given and people vaccinated, through %s. Each number is free to use, and stays at this address.":      "Dosis administradas y personas vacunadas, hasta el %s. Cada número es de libre uso y permanece en esta dirección.",
	"Residents' doses and vaccinated people, through %s. Each number is free to use, and stays at this address.": "Dosis de residentes y personas vacunadas, hasta el %s. Cada número es de libre uso y permanece en esta dirección.",
	"People with at least one dose": "Personas con al menos una dosis", "Primary series complete": "Serie primaria completa", "Doses given to Californians": "Dosis administradas a californianos",
	"Doses on the days that are shown": "Dosis en los días que se muestran", "hidden on %d days": "ocultas en %d días", "of %s residents of the ages below": "de %s residentes de las edades de abajo",

	"Doses by week and product": "Dosis por semana y producto", "Doses given to Californians, by week and product": "Dosis administradas a californianos, por semana y producto",
	"Doses of residents, by week and product": "Dosis de residentes, por semana y producto", "Other": "Otro", "The same as a table": "Lo mismo en una tabla",
	"Doses by week": "Dosis por semana", "Week of": "Semana del", "The same by month, as a table": "Lo mismo por mes, en una tabla", "Doses by month": "Dosis por mes", "Month": "Mes", "Doses": "Dosis",
	"All CA Counties, by the day on which the dose was given, in weeks from Monday.":                                        "Todos los condados de California, por el día en que se administró la dosis, por semanas desde el lunes.",
	"On %d days the number is hidden and not in the sums.":                                                                  "En %d días el número está oculto y no entra en las sumas.",
	"Other: of a product that is none of the three, or is hidden.":                                                          "Otro: de un producto que no es ninguno de los tres, o que está oculto.",
	"Sums of the days that are shown; +3 days means that on three more days the number is hidden. Doses has every product.": "Sumas de los días que se muestran; +3 días significa que en tres días más el número está oculto. Dosis incluye todos los productos.",
	"+%d days": "+%d días", "+1 day": "+1 día",

	"Counties": "Condados", "County": "Condado", "At least one": "Al menos una", "Complete": "Completa", "Not complete": "Sin completar", "Doses shown": "Dosis mostradas", "Days hidden": "Días ocultos",
	"California's counties by people with at least one dose, per 100 residents": "Condados de California por personas con al menos una dosis, por cada 100 residentes",
	"from %s %%": "desde %s %%",
	"People with at least one dose, % of residents. The table has the same numbers.":                                                                "Personas con al menos una dosis, % de residentes. La tabla tiene los mismos números.",
	"Each person counts once, in the county of their latest dose; a county's number is the sum of its age groups, and hidden where one of them is.": "Cada persona cuenta una vez, en el condado de su última dosis; el número de un condado es la suma de sus grupos de edad, y está oculto donde uno de ellos lo está.",
	"All CA Counties": "Todos los condados de California", "All CA and Non-CA Counties": "Todos los condados, de California y de fuera", "Outside California": "Fuera de California", "Unknown": "Desconocido",

	"People of the state": "Personas del estado", "People": "Personas", "Group": "Grupo", "Population": "Población", "not known": "no se conoce", "Age Group": "Grupo de edad", "Race/Ethnicity": "Raza/etnicidad",
	"HPI Quartile": "Cuartil del índice HPI", "All": "Todos", "Under 5": "Menores de 5", "American Indian or Alaska Native": "Indígena americano o nativo de Alaska", "Asian": "Asiático",
	"Black or African American": "Negro o afroamericano", "Latino": "Latino", "Multiracial": "Multirracial", "Native Hawaiian or Other Pacific Islander": "Nativo de Hawái u otra isla del Pacífico",
	"Other Race": "Otra raza", "White": "Blanco", "ZIP codes": "Códigos postales", "Booster": "Refuerzo",

	"Populations are estimates: of ages by the state, of races by the census of 2019; quartiles have none, and 1 stands for the least healthy conditions. A share above 100 % says that the estimate is too low or that people were counted twice.": "Las poblaciones son estimaciones: por edad, del estado; por raza, del censo de 2019; los cuartiles no tienen, y 1 significa las condiciones menos saludables. Una proporción mayor de 100 % dice que la estimación es demasiado baja o que se contó dos veces a personas.",
	"What is hidden": "Qué se oculta", "Table": "Tabla", "Rows": "Filas", "Counts": "Cantidades", "Hidden: 1 to 10": "Ocultas: de 1 a 10", "Hidden: would give one away": "Ocultas: delatarían una",
	"Hidden: beside tiny ones": "Ocultas: junto a otras muy pequeñas",
	"held: as it was published before, since its new numbers would give hidden ones away": "retenida: como se publicó antes, porque sus números nuevos delatarían otros ocultos",
	"Small numbers can point at a person. Before anything is published, counts of 1 to 10 are hidden where the state's guideline asks (CalHHS Data De-Identification Guidelines), then as many more as it takes that none of them can be worked out from totals, running sums, or earlier publications. What is shown is the true number: nothing is rounded, and no noise is added.": "Los números pequeños pueden señalar a una persona. Antes de publicar se ocultan las cantidades de 1 a 10 donde lo pide la guía del estado (CalHHS Data De-Identification Guidelines), y luego tantas más como haga falta para que ninguna se pueda calcular con los totales, las sumas acumuladas o las publicaciones anteriores. Lo que se muestra es el número verdadero: no se redondea ni se agrega ruido.",
	"Changes to earlier publications": "Cambios en publicaciones anteriores", "%s numbers differ from the publication before.": "%s números difieren de la publicación anterior.", "Changes": "Cambios",
	"Row": "Fila", "Column": "Columna", "Before": "Antes", "Now": "Ahora", "Why": "Por qué", "Nothing: no earlier number was changed.": "Nada: no cambió ningún número anterior.", "As a file:": "Como archivo:",
	"restated: late or corrected reports":                                    "corregido: reportes tardíos o corregidos",
	"hidden: the number or its change is 10 or less, or would give one away": "oculto: el número o su cambio es 10 o menos, o delataría otro",
	"shown: neither the number nor its change is 10 or less any more":        "mostrado: ni el número ni su cambio es ya 10 o menos",
	"Download": "Descargar", "File": "Archivo", "Size": "Tamaño", "Publications": "Publicaciones", "Each stays at its address with the numbers it had.": "Cada una permanece en su dirección con los números que tenía.",

	// release/public_describe.go
	"County of residence, All CA Counties, All CA and Non-CA Counties, Outside California or Unknown; in the ZIP table the county of the ZIP.": "Condado de residencia, All CA Counties (todos los de California), All CA and Non-CA Counties (todos), Outside California (fuera de California) o Unknown (desconocido); en la tabla por código postal, el condado del código.",
	"Day on which the dose was given. A day without a row is zero.":                                                                            "Día en que se administró la dosis. Un día sin fila es cero.",
	"Last day that the row counts.":                                                            "Último día que cuenta la fila.",
	"California, Not in California, or empty for sums.":                                        "California, Not in California (fuera de California), o vacío en las sumas.",
	"Age Group, Race/Ethnicity, HPI Quartile (Healthy Places Index, 1 least healthy), or All.": "Age Group (grupo de edad), Race/Ethnicity (raza o etnicidad), HPI Quartile (cuartil del índice Healthy Places, 1 el menos saludable) o All (todos).",
	"Group within the category. Ages, races and quartiles each add up to all.":                 "Grupo dentro de la categoría. Las edades, las razas y los cuartiles suman cada uno el total.",
	"People of the group in the county; empty where nobody estimates it.":                      "Personas del grupo en el condado; vacío donde nadie lo estima.",
	"ZIP of residence.": "Código postal de residencia.",
	"Healthy Places Index quartile of the ZIP, 1 least healthy conditions; empty: none assigned.": "Cuartil del índice Healthy Places del código postal, 1 las condiciones menos saludables; vacío: ninguno asignado.",
	"Doses given.": "Dosis administradas.",
	"Doses of Pfizer's vaccines; with the next two no more than total_doses.":                                          "Dosis de las vacunas de Pfizer; con las dos siguientes, no más que total_doses.",
	"Doses of Moderna's vaccines.":                                                                                     "Dosis de las vacunas de Moderna.",
	"Doses of Janssen's vaccine.":                                                                                      "Dosis de la vacuna de Janssen.",
	"Residents with a complete series who had a booster.":                                                              "Residentes con la serie completa que recibieron un refuerzo.",
	"People with a dose whose series was not complete then.":                                                           "Personas con una dosis cuya serie no estaba completa entonces.",
	"People whose primary series was complete. People count once, in the county of their latest dose.":                 "Personas cuya serie primaria estaba completa. Cada persona cuenta una vez, en el condado de su última dosis.",
	"People with one dose or more: the two before it together. People count once, in the county of their latest dose.": "Personas con una dosis o más: las dos anteriores juntas. Cada persona cuenta una vez, en el condado de su última dosis.",
	"cumulative_at_least_one_dose per 10,000 of est_population; may pass 10,000, where estimates are too low.":         "cumulative_at_least_one_dose por cada 10,000 de est_population; puede pasar de 10,000 donde la estimación es demasiado baja.",
	"cumulative_fully_vaccinated per 10,000 of est_population.":                                                        "cumulative_fully_vaccinated por cada 10,000 de est_population.",
	"Residents whose primary series was complete.":                                                                     "Residentes cuya serie primaria estaba completa.",
	"Residents with a dose whose series was not complete.":                                                             "Residentes con una dosis cuya serie no estaba completa.",
	"The two together.":                         "Las dos juntas.",
	"No, or that counts in the row are hidden.": "No, o que hay cantidades ocultas en la fila.",

	"Back": "Volver", "Not Found": "No se encontró", "Too Many Requests": "Demasiadas solicitudes", "Bad Request": "Solicitud incorrecta", "Internal Server Error": "Error del servidor",
	"There is no such page. The newest public tables are at the address above.": "No existe esa página. Las tablas públicas más recientes están en la dirección de arriba.",
	"No public tables have been published yet.":                                 "Todavía no se han publicado tablas públicas.",
	"Too many requests came from your address; try again in a few seconds.":     "Llegaron demasiadas solicitudes desde su dirección; intente de nuevo en unos segundos.",
	"The page can't be made now; try again later.":                              "La página no se puede mostrar ahora; intente más tarde.",
}}

// Said is an English sentence in a language; itself where the language has
// none.
func Said(lang, english string) string {
	if other, ok := words[lang][english]; ok {
		return other
	}
	return english
}
