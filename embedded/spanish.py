"""A small Spanish car-marketplace assistant: keywords in, the eight-field JSON answer out.

Used by the chatbot's mock mode and by the scripted models when they are asked for a ``chatbot_reply``.
"""

import re
import unicodedata
from typing import Any

_INTENTS: tuple[tuple[str, str, str, str], ...] = (
    # intent, keyword pattern, answer, suggested action
    ("saludo", r"\b(hola|buenas|buenos dias|que tal)\b",
     "¡Hola! Soy el asistente del concesionario. ¿En qué puedo ayudarle hoy?", "ofrecer_ayuda"),
    ("cita", r"\b(cita|prueba|probar|visita|visitar|reservar|agendar)\b",
     "Con mucho gusto le reservamos una cita en el concesionario. ¿Qué día le viene mejor?", "agendar_cita"),
    ("financiacion", r"\b(financi\w*|credito|cuotas?|plazos|entrada|prestamo|mensualidad\w*)\b",
     "Ofrecemos financiación a medida, con cuotas mensuales desde doce hasta ochenta y cuatro meses.",
     "calcular_cuota"),
    ("garantia", r"\b(garantia|averia|taller|revision|reparacion|mantenimiento)\b",
     "Todos nuestros coches tienen garantía de un año y revisión completa en el taller oficial.", "explicar_garantia"),
    ("venta", r"\b(vender|vendo|tasar|tasacion|compran|entregar mi coche|cambio mi coche)\b",
     "Podemos tasar su coche actual sin compromiso. ¿Cuál es la marca, el modelo y el año?", "pedir_tasacion"),
    ("precio", r"\b(precio|cuesta|cuanto|vale|descuento|oferta|ofertas|barato|presupuesto)\b",
     "El precio depende del modelo y del equipamiento. Le envío las mejores ofertas de esta semana.",
     "mostrar_ofertas"),
    ("contacto", r"\b(telefono|horario|direccion|donde estan|ubicacion|contacto|abren|humano|agente)\b",
     "Estamos abiertos de lunes a sábado, de nueve a ocho. Un asesor puede llamarle cuando quiera.",
     "contactar_asesor"),
    ("busqueda", r"\b(busco|quiero|necesito|coche|coches|suv|electrico|electricos|diesel|furgoneta|familiar|modelo)\b",
     "Tenemos varios coches que encajan con lo que busca. ¿Quiere que le muestre los más recientes?",
     "mostrar_coches"),
)  # fmt: skip
_BRANDS = ("seat", "renault", "toyota", "ford", "kia", "peugeot", "volkswagen", "audi", "bmw", "hyundai")
_FALLBACK = "Disculpe, no he entendido bien su pregunta. ¿Puede explicarme qué coche o servicio necesita?"


def reply_to(turns: list[str]) -> dict[str, Any]:
    """The eight-field answer to the last of the user's turns; parameters carry over from earlier ones."""
    last = _plain(turns[-1]) if turns else ""
    parameters = _parameters(" ".join(_plain(turn) for turn in turns))
    for intent, pattern, answer, action in _INTENTS:
        if re.search(pattern, last):
            return _answer(answer, intent, 0.92, parameters, action)
    return _answer(_FALLBACK, "desconocido", 0.2, parameters, "aclarar", is_fallback=True)


def _answer(  # noqa: PLR0913 (one argument a field)
    response: str, intent: str, confidence: float, parameters: dict[str, str], action: str, *, is_fallback: bool = False
) -> dict[str, Any]:
    return {
        "response": response,
        "intent": intent,
        "confidence": confidence,
        "isFallback": is_fallback,
        "parameters": parameters,
        "leadSignals": [] if is_fallback else sorted({"interes", *(["marca"] if "marca" in parameters else [])}),
        "suggestedAction": action,
        "quickReplies": ["Ver coches", "Hablar con un asesor"],
    }


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if brand := next((b for b in _BRANDS if re.search(rf"\b{b}\b", text)), None):
        found["marca"] = brand
    if budget := re.search(r"\b(\d{1,3}(?:[. ]?\d{3})+|\d{4,6})\s*(?:euros|€)", text):
        found["presupuesto"] = re.sub(r"\D", "", budget.group(1))
    return found


def _plain(text: str) -> str:
    """Lower case without accents, so that `dias` finds `días`."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if not unicodedata.combining(c))
