local money = {}

---4900 as "49.00".
function money.text(cents)
  return ("%d.%02d"):format(cents / 100, cents % 100)
end

return money
