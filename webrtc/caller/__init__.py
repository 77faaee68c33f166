"""The bundled caller of `offhook rehearse --webrtc`: makes the offer, speaks WHIP, talks and listens."""
