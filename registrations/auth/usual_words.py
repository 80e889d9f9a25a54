"""What people build passwords of, in the languages and on the keyboards of those who use SyncPortal. All in lower case."""

_WRITTEN = """
january february march april may june july august september october november december januar jänner februar
märz maerz mai juni juli oktober dezember janvier février fevrier mars avril juin juillet août aout septembre
octobre novembre décembre decembre enero febrero marzo abril mayo junio julio agosto septiembre octubre
noviembre diciembre spring summer autumn winter frühling fruehling frühjahr sommer herbst printemps été
automne hiver primavera verano otoño otono invierno monday tuesday wednesday thursday friday saturday sunday
montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi
dimanche lunes martes miércoles miercoles jueves viernes sábado sabado domingo welcome hello changeme letmein
secret login passwort kennwort willkommen hallo guten tag geheim bienvenue bonjour bonsoir motdepasse azerty
bienvenido bienvenida bienvenidos hola contraseña contrasena clave 27182818 31415926 14142135 16180339
"""
WORDS = tuple(_WRITTEN.split())
QWERTY = ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
LAYOUTS = {  # the same keys on other keyboards, row by row from the digits down
    "German": ("1234567890ß´", "qwertzuiopü+", "asdfghjklöä", "yxcvbnm,.-"),
    "French": ("&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù", "wxcvbn,;:!"),
    "French digits": ("1234567890)=", "azertyuiop^$", "qsdfghjklmù", "wxcvbn,;:!"),
    "Spanish": ("1234567890'¡", "qwertyuiop`+", "asdfghjklñ´", "zxcvbnm,.-"),
    "Russian": ("1234567890-=", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю."),
    "Ukrainian": ("1234567890-=", "йцукенгшщзхї", "фівапролджє", "ячсмитьбю."),
    "Greek": ("1234567890-=", ";ςερτυθιοπ[]", "ασδφγηξκλ΄'", "ζχψωβνμ,./"),
    "Hebrew": ("1234567890-=", "/'קראטוןםפ][", "שדגכעיחלךף,", "זסבהנמצתץ."),
    "Dvorak": ("1234567890[]", "',.pyfgcrl/=", "aoeuidhtns-", ";qjkxbmwvz"),
}
