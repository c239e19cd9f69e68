"""Words that say nothing of a problem, as nearly every text of their language has them (pure)."""

from __future__ import annotations

_ENGLISH = """
a about after again all also an and any are as at be been before but by can could do does each even ever every for from
get gets had has have he her here his how i if in into is it its just like may me more most my no nor not now of on once
one only or other our out over own same she should since so some still such than that the their them then there these
they this those to too up us very was we were what when where which while who why will with would you your
"""
_GERMAN = """
aber alle als am an auch auf aus bei bin bis da das dass dem den der des die dies diese doch durch ein eine einem einen
einer er es für hat ich ihr im in ist ja kann kein keine man mehr mehrere mein mit nach nicht nichts noch nur ob oder
ohne seit sich sie sind so um und uns unser vom von vor war was weil wenn wer wie wir wird wo zu zum zur über
"""
_FRENCH = """
au aux avec ce ces cette dans de des du elle en est et eux il ils je la le les leur lui mais ne nous on ou par pas plus
pour qu que qui sa sans se ses son sont sur un une vos votre vous
"""
_SPANISH_PORTUGUESE_ITALIAN = """
al algo com como con cuando da dal das de del desde di do dos e el en es esta este está gli ha hay il la las le lo los
ma mas me mi muy na nas no nos não o os para pero por que se sem si sin sobre su sua sus são também también um uma un
una uno y ya è
"""
# Of the trade: what many problems of one stack have in common. These are compared and searched, but weigh little.
_COMMON = """
api app application server service services worker agent agents client database db postgres postgresql redis caddy proxy
pgbouncer nginx container containers docker compose host localhost machine system image stack
error errors err warning warn info debug fatal exception unhandled problem issue bug broken broke down dead hangs hang
crash crashes crashed fail fails failed failing failure log logs message says say said shows show seems see seen
get post put patch delete http https url connection connections connect connecting request requests response answer
answers answered line user users people everybody everyone page pages browser screen login
start started starts starting stop stopped restart restarts restarted restarting run runs running work works worked
working use used uses using open opened opening try tried load loads loading loaded
today yesterday morning night week weeks day days hour hours minute minutes second seconds now new old time times first
last update updated upgrade deployment deploy deployed release version long longer slow soon
nothing everything every always never anymore back again
200 400 401 403 404 500 502 503 504 bad gateway internal operationalerror
fehler geht funktioniert läuft dienst datenbank seite benutzer anmeldung heute gestern immer nie
erreur serveur service ne marche aujourd error servidor no funciona usuario página hoy
"""
COMMON_WORDS = frozenset(_COMMON.split())
STOP_WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH_PORTUGUESE_ITALIAN}".split())
