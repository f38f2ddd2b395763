"""Words that people, companies and places of the demo are put together from. Surnames of companies are invented."""


def listed(text: str) -> list[str]:
    return text.split("|")


FIRST = {
    "fr": listed(
        "Adèle|Alain|Amandine|Amélie|Antoine|Aurélie|Bastien|Benoît|Camille|Caroline|Cédric|Céline|Chantal|Charlotte|"
        "Christophe|Claire|Corentin|Damien|Delphine|Dimitri|Élise|Émilie|Étienne|Fabienne|Florence|François|Geneviève|"
        "Guillaume|Hélène|Isabelle|Jérôme|Julien|Laurence|Léa|Loïc|Louis|Luc|Madeleine|Marc|Martine|Mathilde|Maxime|"
        "Mélanie|Nadia|Nicolas|Noémie|Olivier|Pascale|Quentin|Rachid|Sabine|Samira|Sébastien|Simon|Sophie|Sylvie|"
        "Thibault|Valérie|Véronique|Xavier|Yasmine|Yves|Zoé"
    ),
    "nl": listed(
        "An|Annelies|Arne|Bart|Bavo|Bert|Brecht|Daan|Dirk|Dries|Ellen|Els|Evelien|Femke|Frank|Geert|Goedele|Griet|Hanne|"
        "Hendrik|Hilde|Ilse|Ingrid|Jan|Jasper|Jeroen|Joke|Joris|Karel|Katrien|Koen|Kristof|Lander|Leen|Lien|Lies|Lieve|"
        "Lotte|Luc|Maarten|Marijke|Marleen|Mieke|Nele|Peter|Pieter|Ruben|Saar|Sander|Sarah|Sofie|Stefaan|Stijn|Tine|Tom|"
        "Veerle|Wannes|Wim|Wout|Yannick"
    ),
}
LAST = {
    "fr": listed(
        "Aubrive|Bastinel|Bodelet|Brancourt|Charlivet|Collignet|Coppinaux|Dardembourg|Delhoyaux|Delvigny|Desmarteaux|"
        "Dieudonnet|Dumontil|Evrardin|Fontignies|Gilsoulle|Grandvaux|Grégoirat|Hanssoulle|Hautmarais|Henrotay|Jacqmard|"
        "Lambroise|Lardinet|Leclairon|Ledoublet|Lhoestin|Magonet|Malherbois|Marcinelot|Massonnaux|Mignolay|Noirhommet|"
        "Pairouxel|Parmentois|Petitbois|Pirardin|Poncelay|Questiaux|Raskinet|Remacly|Rigauville|Rouxhet|Sauvenois|"
        "Servaisot|Simonart|Tassignon|Thirionnet|Tilquay|Valentigny|Vauchelin|Wathelot|Wautelin|Wéryzot"
    ),
    "nl": listed(
        "Aertsbroeck|Baetenrode|Beirlandt|Bogaerdens|Brankaert|Claerhoven|Colpaers|Cuyversen|De Blauwere|De Groenendael|"
        "De Kaeyser|De Meulebrouck|De Stoopere|Dierickvelt|Everaertsen|Geeroms|Goethalsem|Haesebroek|Hellebuyckx|"
        "Huysmaele|Jansegers|Kerkhovens|Koekelaers|Lambrechtsen|Lauwerijns|Maesbrugge|Mertensdael|Moerenhoutte|"
        "Nachtegaels|Ooghebaert|Oosterlynckx|Peetermaes|Pauwelsen|Roelandts|Schoutedens|Segersvelt|Servraes|Slabbaerts|"
        "Steenkistens|Thyssenaar|Van Aelbroeck|Van den Eeckhaut|Van der Heydens|Van Doorslaere|Van Gansbeke|"
        "Van Hoyweghem|Van Ruyskenveld|Vandersteppe|Vandromme|Vereeckens|Verhaegelinck|Verschoorens|Wittenoven|Wouterman"
    ),
}  # fmt: skip
# City, postal code, language.
PLACES = [
    ("Bruxelles", "1000", "fr"), ("Ixelles", "1050", "fr"), ("Uccle", "1180", "fr"), ("Wavre", "1300", "fr"),
    ("Ottignies", "1340", "fr"), ("Nivelles", "1400", "fr"), ("Braine-l'Alleud", "1420", "fr"), ("Liège", "4000", "fr"),
    ("Herstal", "4040", "fr"), ("Seraing", "4100", "fr"), ("Huy", "4500", "fr"), ("Verviers", "4800", "fr"),
    ("Namur", "5000", "fr"), ("Gembloux", "5030", "fr"), ("Dinant", "5500", "fr"), ("Charleroi", "6000", "fr"),
    ("Gosselies", "6041", "fr"), ("Arlon", "6700", "fr"), ("Marche-en-Famenne", "6900", "fr"), ("Mons", "7000", "fr"),
    ("Tournai", "7500", "fr"), ("Mouscron", "7700", "fr"), ("Halle", "1500", "nl"), ("Vilvoorde", "1800", "nl"),
    ("Antwerpen", "2000", "nl"), ("Turnhout", "2300", "nl"), ("Geel", "2440", "nl"), ("Lier", "2500", "nl"),
    ("Mechelen", "2800", "nl"), ("Sint-Niklaas", "9100", "nl"), ("Leuven", "3000", "nl"), ("Tienen", "3300", "nl"),
    ("Hasselt", "3500", "nl"), ("Genk", "3600", "nl"), ("Tongeren", "3700", "nl"), ("Brugge", "8000", "nl"),
    ("Oostende", "8400", "nl"), ("Kortrijk", "8500", "nl"), ("Roeselare", "8800", "nl"), ("Gent", "9000", "nl"),
    ("Aalst", "9300", "nl"), ("Oudenaarde", "9700", "nl"), ("Deinze", "9800", "nl"),
]  # fmt: skip
STREETS = {
    "fr": listed(
        "Rue de la Station|Rue Haute|Rue du Moulin|Rue des Écoles|Rue de l'Église|Chaussée de Namur|Rue Neuve|"
        "Avenue des Tilleuls|Rue du Parc|Zoning industriel|Rue de l'Industrie|Place du Marché|Rue des Artisans|"
        "Chemin des Prés|Rue du Canal|Quai de l'Écluse|Avenue de l'Europe"
    ),
    "nl": listed(
        "Stationsstraat|Kerkstraat|Molenstraat|Nieuwstraat|Schoolstraat|Industrielaan|Dorpsstraat|Veldstraat|"
        "Lindelaan|Ambachtslaan|Markt|Kanaalstraat|Steenweg op Gent|Bedrijvenlaan|Beukenlaan|Havenlaan"
    ),
}  # fmt: skip
FORMS = {"fr": ("SRL", "SA", "SRL", ""), "nl": ("BV", "NV", "BV", "")}
TRADES = {
    "fr": listed(
        "Ateliers|Constructions|Mécanique|Chaudronnerie|Menuiserie|Électricité|Garage|Imprimerie|Transports|Usinage|"
        "Ferronnerie|Toitures|Carrières|Plomberie|Hydraulique|Outillage|Peintures|Tôlerie|Soudure|Jardins"
    ),
    "nl": listed(
        "Metaalwerken|Techniek|Machinebouw|Schrijnwerk|Elektro|Garage|Drukkerij|Transport|Constructie|Lasbedrijf|"
        "Dakwerken|Sanitair|Hydraulica|Gereedschap|Schilderwerken|Plaatwerk|Koeltechniek|Verpakking|Tuinen|Bouw"
    ),
}  # fmt: skip
TITLES = {
    "fr": listed(
        "Gérant|Gérante|Directrice|Comptable|Responsable des achats|Chef d'atelier|Assistante|Ingénieur|Magasinier"
    ),
    "nl": listed(
        "Zaakvoerder|Zaakvoerster|Aankoper|Boekhouder|Werfleider|Ingenieur|Magazijnier|Planner|Directeur"
    ),
}  # fmt: skip
NOTES = {
    "fr": listed(
        "Préfère être appelé le matin.|Facture par e-mail, copie à la comptabilité.|Livraison par l'arrière du bâtiment.|"
        "Demande une offre chaque printemps.|Paie toujours à l'échéance.|Ferme la deuxième quinzaine de juillet.|"
        "Rencontré au salon de Charleroi.|Commande groupée avec l'atelier voisin.|Demander Chantal pour les plans.|"
        "Numéro de commande obligatoire sur la facture."
    ),
    "nl": listed(
        "Liefst in de voormiddag bellen.|Factuur per e-mail, kopie aan de boekhouding.|Leveren langs de achterkant.|"
        "Vraagt elk voorjaar een offerte.|Betaalt altijd op tijd.|Gesloten tijdens het bouwverlof.|"
        "Leren kennen op de beurs in Kortrijk.|Bestelnummer verplicht op de factuur.|Poort 3, aanmelden bij het onthaal.|"
        "Tekeningen altijd als pdf sturen."
    ),
}  # fmt: skip
