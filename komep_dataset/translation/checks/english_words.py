"""English words by which English is told from the names that a Korean text keeps in Latin letters."""

from __future__ import annotations

# Words that hold an English sentence together.
_FUNCTION_WORDS = """
a an the is are was were be been being has have had do does did can could may might must shall should will
would of in on at by for with from to into onto about between during without within through and or but nor
if because while when where which who whom whose that this these those there it its they their them he she
his her you your we our i as than then so not no also however therefore thus such both either each all any
some most more less many few other another often usually commonly typically generally include includes
including called known used causes cause caused leads lead results result what how why
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

# Of these, the ones that no title and no gloss has.
_VERBS = """
is are was were be been has have had do does did can could may might must shall should will would not if
because which who that this these those there it they he she you your we i however therefore
"""
VERBS = frozenset(_VERBS.split())

# Short words that are units.
_UNIT_WORDS = """
mg mcg kg ml dl mmol mol meq iu mm cm nm km kcal hz pg ng fl min sec hr bpm vs et al cc
"""
UNIT_WORDS = frozenset(_UNIT_WORDS.split())

# Everyday and medical words that are no names although they look like one: endings like "-ine", headings.
_COMMON_WORDS = """
medicine urine spine routine decline combine determine examine line fine define genuine vaccine machine in
pain skin brain certain contain main remain explain obtain maintain begin again protein protect vein strain
control school tool symbol protocol alcohol cool whole role bone alone one done gone someone everyone zone
side wide provide guide inside outside beside decide rate state late create indicate moderate treat climate
estimate appropriate associate demonstrate date separate rotate adequate acute update candidate medium
minimum maximum serum momentum continuum focus virus thus status various serious previous obvious is this
his analysis diagnosis basis crisis prognosis paralysis sepsis area data idea extra era formula disease case
increase decrease base phase release purchase these those because cause use close dose symptom symptoms
treatment treatments causes prevention note notes summary conclusion overview introduction diagnostic
management complications risk factors patient patients doctor doctors nurse hospital blood heart lung liver
kidney stomach bowel cell cells tissue infection infections bacteria fever cough headache nausea vomiting
diarrhea fatigue swelling bleeding pressure therapy surgery drug drugs medication medications doses daily
weekly effect effects adverse sign signs answer answers question questions definition mechanism indications
contraindications dosage administration warning warnings important severe mild chronic common rare high low
early left right upper lower normal abnormal first second third pathophysiology example step steps follow
following recommended avoid take tablet tablets injection oral intravenous
"""
COMMON_WORDS = frozenset(_COMMON_WORDS.split())

# Words that a Korean text has no reason to keep: no name, no term and no part of a Latin name has them.
_PLAIN_ENGLISH = """
about above across after again against aged almost also always among amount another any appetite arm arms
asked assess avoid avoided baby back bad baseline bathing become becomes been before began begin being below
better between bite bleeding blood body bone bones both breast breath breathing bruising burning called care
careful cause caused causes change changed changes chest child children chronic clean cold color combined
common commonly complete condition conditions continue cough daily damage days death decreased deep depends
develop develops diet difficult diseases dizziness done dose doses drink drinking drive driving drowsiness drug
drugs during each early eating elderly elevated enough especially evening every exercise eyes failure family
fatigue feeding feel feet female fever fewer finger fingers first fluid fluids food foods frequent frequently
general given good growth hair hand hands have head healing health healthy healthcare hearing help helps high
higher history home hospital hours however illness impaired improve improved improvement improves including
increased increases infection infections inflammation initial injury intake itching joint joints large last
later leads least legs less levels life lifestyle little liver long loss lower lung lungs lying male management
many meal meals medical medication medications medicine men mild milk moderate morning mother mouth muscle
muscles must nausea neck needed needs night normal nose nurse nutrition obstruction occur occurs often old
older onset other others outcome outcomes oral pain painful parents patient patients people periods persistent
person physical poor pressure prevent prevented preventing prevention prevents previous problems produce
progressive prolonged pulse quality rapid rapidly rarely rates reaction reactions recommended recovery
recurrent reduce reduced reduces redness relief removed repeat replaced report reported rest right safe safety
seen severe severity short should shoulder show shows sick sitting skin sleep slow slowly smoking soft some
sometimes soon sore stable standing start started stomach stop stopped stress strong such sudden sugar sun
support surgery surgical swallowing sweating swelling swollen symptom symptoms take taken teeth temperature
tests therapy thirst throat tired tissue together tooth treat treated treating treatment treatments under
untreated urine used useful using usual usually very vision visit vomiting walking warm wash water weak
weakness weeks weight well when which while without woman women work wound wounds years young younger
"""
PLAIN_ENGLISH = frozenset(_PLAIN_ENGLISH.split())
