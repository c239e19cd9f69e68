"""Bug reports and the incidents that gather them."""
